//! The page in a browser: mounted, clicked, typed into, read.

#![cfg(target_arch = "wasm32")]

use headroom::scenario::{Control, Engine, Group, SETTINGS};
use headroom_web::App;
use leptos::prelude::*;
use leptos::task::tick;
use leptos::wasm_bindgen::{JsCast as _, JsValue};
use leptos::web_sys::{Event, EventInit, HtmlElement, HtmlInputElement, HtmlSelectElement};
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

/// The page at a query; gone when dropped.
struct Page {
    root: HtmlElement,
    _mounted: Box<dyn std::any::Any>,
}

impl Page {
    async fn open(query: &str) -> Page {
        let history = window().history().unwrap();
        let address = format!("{}{query}", window().location().pathname().unwrap());
        history.replace_state_with_url(&JsValue::NULL, "", Some(&address)).unwrap();
        let root: HtmlElement = document().create_element("div").unwrap().unchecked_into();
        document().body().unwrap().append_child(&root).unwrap();
        let page = Page { _mounted: Box::new(mount_to(root.clone(), App)), root };
        tick().await;
        page.unfold().await;
        page
    }

    /// Opens every slot of the question.
    async fn unfold(&self) {
        for slot in self.all("details.slot") {
            // Of one name, one that opens closes the others.
            slot.remove_attribute("name").unwrap();
            slot.set_attribute("open", "").unwrap();
            slot.dispatch_event(&Event::new("toggle").unwrap()).unwrap();
        }
        tick().await;
    }

    fn all(&self, selector: &str) -> Vec<HtmlElement> {
        let found = self.root.query_selector_all(selector).unwrap();
        (0..found.length()).map(|i| found.get(i).unwrap().unchecked_into()).collect()
    }

    #[track_caller]
    fn one(&self, selector: &str) -> HtmlElement {
        let found = self.all(selector);
        assert!(!found.is_empty(), "nothing matches {selector}");
        found[0].clone()
    }

    #[track_caller]
    fn part(&self, id: &str) -> HtmlElement {
        self.one(&format!("[data-testid={id}]"))
    }

    #[track_caller]
    fn cell(&self, model: &str, quant: &str) -> HtmlElement {
        self.one(&format!("[data-testid=cell][data-model='{model}'][data-quant='{quant}']"))
    }

    /// Types into the field `id` as a user does.
    async fn type_into(&self, id: &str, text: &str) -> HtmlInputElement {
        let input: HtmlInputElement = self.part(id).unchecked_into();
        input.focus().unwrap();
        input.set_value(text);
        let bubbling = EventInit::new();
        bubbling.set_bubbles(true);
        let event = Event::new_with_event_init_dict("input", &bubbling).unwrap();
        input.dispatch_event(&event).unwrap();
        tick().await;
        input
    }

    async fn click(&self, element: &HtmlElement) {
        element.click();
        tick().await;
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.root.remove();
    }
}

fn text(element: &HtmlElement) -> String {
    element.text_content().unwrap_or_default().replace(['\u{a0}', '\u{202f}'], " ")
}

fn data(element: &HtmlElement, name: &str) -> String {
    element.get_attribute(&format!("data-{name}")).unwrap_or_default()
}

fn bytes(element: &HtmlElement) -> u64 {
    data(element, "bytes").parse().unwrap()
}

#[wasm_bindgen_test]
async fn the_first_visit_is_answered() {
    let page = Page::open("?lang=en").await;
    assert_eq!(page.all("[data-testid=cell]").len(), 9);
    assert_eq!(data(&page.cell("qwen2.5-72b-instruct", "Q8_0"), "verdict"), "fits");
    assert_eq!(data(&page.cell("qwen2.5-72b-instruct", "BF16"), "verdict"), "offload");
    let answer = text(&page.part("answer"));
    assert!(answer.starts_with("Yes: Qwen2.5-72B-Instruct runs on one RTX PRO 6000"), "{answer}");
    assert!(answer.contains("at Q8_0, with room for"), "{answer}");
    assert_eq!(page.all("[data-testid=notice]").len(), 0);
}

#[wasm_bindgen_test]
async fn a_click_opens_the_cell_s_bill_and_it_adds_up() {
    let page = Page::open("?lang=en").await;
    let cell = page.cell("qwen3-32b", "Q4_K_M");
    page.click(&cell).await;
    assert_eq!(cell.get_attribute("aria-pressed").as_deref(), Some("true"));
    assert!(text(&page.one(".bill-head")).contains("Qwen3-32B"));
    let place = page.part("place");
    let items = place.query_selector_all("[data-testid=bill-item]").unwrap();
    let sum: u64 = (0..items.length())
        .map(|i| bytes(items.get(i).unwrap().unchecked_ref::<HtmlElement>()))
        .sum();
    assert_eq!(sum, bytes(&page.part("place-total")));
    assert_eq!(sum, bytes(&cell));
}

#[wasm_bindgen_test]
async fn a_cell_shows_the_new_figure_and_stays_the_same_element() {
    let page = Page::open("?lang=en").await;
    let cell = page.cell("qwen3-32b", "Q8_0");
    let (before, shown) = (bytes(&cell), text(&cell));
    page.type_into("context-input", "128k").await;
    assert!(bytes(&cell) > before);
    assert_ne!(text(&cell), shown);
    assert!(cell.is_connected(), "the row was not built anew");
}

#[wasm_bindgen_test]
async fn what_is_out_of_range_stays_in_its_field() {
    let page = Page::open("?lang=en").await;
    let before = bytes(&page.cell("qwen3-32b", "Q8_0"));
    let input = page.type_into("users-input", "9999").await;
    assert_eq!(input.value(), "9999");
    assert_eq!(input.get_attribute("aria-invalid").as_deref(), Some("true"));
    let note = input.get_attribute("aria-describedby").unwrap();
    let note = text(&page.one(&format!("#{note}")));
    assert!(note.contains("1 to 4,096"), "{note}");
    assert_eq!(bytes(&page.cell("qwen3-32b", "Q8_0")), before);
    page.type_into("users-input", "2").await;
    assert_eq!(input.get_attribute("aria-invalid"), None);
    assert!(bytes(&page.cell("qwen3-32b", "Q8_0")) > before);
}

#[wasm_bindgen_test]
async fn a_model_that_never_was_is_replaced_by_a_real_one() {
    let page = Page::open("?lang=en&model=qwen3-72b").await;
    assert!(text(&page.part("notice")).contains("qwen3-72b"));
    assert_eq!(page.part("cell").get_attribute("data-verdict"), None);
    page.click(&page.part("notice-way")).await;
    assert_eq!(page.all("[data-testid=notice]").len(), 0);
    assert_ne!(data(&page.part("cell"), "verdict"), "");
    let query = window().location().search().unwrap();
    assert!(!query.contains("qwen3-72b"), "{query}");
}

#[wasm_bindgen_test]
async fn russian_has_its_own_numbers_and_plurals() {
    let page = Page::open("?lang=ru&ctx=1").await;
    let html = document().document_element().unwrap();
    assert_eq!(html.get_attribute("lang").as_deref(), Some("ru"));
    assert!(text(&page.one(".bill-under")).contains("1 токен · 1 пользователь"));
    for (tokens, words) in
        [("2", "2 токена"), ("5", "5 токенов"), ("21", "21 токен "), ("1024", "1 024 токена")]
    {
        page.type_into("context-input", tokens).await;
        let under = text(&page.one(".bill-under"));
        assert!(under.contains(words), "{under}");
    }
    let cell = text(&page.cell("qwen3-32b", "Q8_0"));
    assert!(cell.contains(',') && cell.contains("ГиБ"), "{cell}");
    page.click(&page.part("lang-en")).await;
    assert_eq!(html.get_attribute("lang").as_deref(), Some("en"));
    assert!(text(&page.part("answer")).starts_with("Yes"));
}

#[wasm_bindgen_test]
async fn an_engine_that_is_ticked_has_cells_of_its_own_and_reasons() {
    let page = Page::open("?lang=en&model=qwen3-32b&hw=h100-sxm5-80gb&quant=Q4_K_M").await;
    page.click(&page.one("[data-testid=engine][data-engine=vllm]")).await;
    let cells = page.all("[data-testid=cell]");
    let engines: Vec<String> = cells.iter().map(|cell| data(cell, "engine")).collect();
    assert_eq!(engines, ["llama.cpp", "vllm"]);
    assert!(text(&cells[1]).contains("AWQ"), "{}", text(&cells[1]));
    page.click(&cells[0]).await;
    let more: i64 = data(&page.part("difference"), "bytes").parse().unwrap();
    assert_eq!(more, bytes(&cells[1]) as i64 - bytes(&cells[0]) as i64);
    let reasons = page.all("[data-testid=reason]");
    let sum: i64 = reasons.iter().map(|r| data(r, "bytes").parse::<i64>().unwrap()).sum();
    assert_eq!(sum, more);
    page.click(&cells[1]).await;
    assert!(text(&page.part("flags")).starts_with("vllm serve"));
    assert!(text(&page.part("pool")).contains("92 %"), "{}", text(&page.part("pool")));
}

#[wasm_bindgen_test]
async fn another_machine_is_another_row_until_it_is_taken_out() {
    let page = Page::open("?lang=en&model=qwen3-32b&hw=rtx-4090;rtx-5090").await;
    let rows = page.all("tbody .model-name");
    assert_eq!(rows.len(), 2, "one model on two machines: the machines are rows");
    let before = bytes(&page.part("cell"));
    page.click(&page.all("[data-testid=hardware-remove]")[1]).await;
    assert_eq!(page.all("[data-testid=cell]").len(), 3);
    assert_eq!(data(&page.part("cell"), "machine"), "rtx-4090");
    assert_eq!(bytes(&page.part("cell")), before);
}

#[wasm_bindgen_test]
async fn rows_and_columns_are_turned_round() {
    let page = Page::open("?lang=en&rows=quant&cols=model").await;
    assert_eq!(page.all("thead .sort").len(), 4, "the name and three models");
    assert_eq!(text(&page.one("tbody .model-name")), "BF16");
    assert_eq!(page.all("[data-testid=cell]").len(), 9);
    let select: HtmlSelectElement = page.part("rows-select").unchecked_into();
    select.set_value("model");
    let bubbling = EventInit::new();
    bubbling.set_bubbles(true);
    select.dispatch_event(&Event::new_with_event_init_dict("change", &bubbling).unwrap()).unwrap();
    tick().await;
    assert_eq!(text(&page.one("tbody .model-name")), "Qwen3-30B-A3B");
    assert!(!window().location().search().unwrap().contains("rows"), "that is the default");
}

#[wasm_bindgen_test]
async fn no_link_makes_the_page_panic() {
    for query in [
        "?model=&hw=&quant=",
        "?cell=99.99.99",
        "?hw=rtx-4090*128,%F0%9F%98%80;apple-m4-max-40c@7",
        "?model=,,,&quant=Q0,Q8_0&ctx=99999999999999999999999&users=0&kv=q9_9&%00=%00",
        "?model=qwen3-32b,QWEN3-32B,Qwen/Qwen3-32B&quant=Q8_0,q8_0",
        "?rows=hardware,engine&cols=quant&hw=&engine=mlx,vllm,exllamav3&cell=0.9.0.9",
        "?engine=&rows=engine",
        "?hw=cpu-ddr5-5600-dual;rtx-4090*9;apple-m4-max-40c&engine=llama.cpp,mlx,transformers",
        "?offload=ngl:9999&ram=0&reserve=1024GiB&ubatch=65536&users=256&ctx=16777216",
    ] {
        let page = Page::open(query).await;
        assert_eq!(page.all("h1").len(), 1, "{query}");
        for more in page.all("[data-testid=cell]:enabled") {
            page.click(&more).await;
        }
    }
}

#[wasm_bindgen_test]
async fn an_embedded_page_has_the_table_and_a_way_out() {
    let page = Page::open("?embed=1&lang=en").await;
    assert_eq!(page.all("[data-testid=cell]").len(), 9);
    assert_eq!(page.all("[data-testid=hardware-picker]").len(), 0);
    let link = page.part("full-page").get_attribute("href").unwrap();
    assert!(!link.contains("embed"), "{link}");
}

#[wasm_bindgen_test]
fn the_page_mounts_into_its_shell_and_says_so() {
    let body = document().body().expect("a body");
    body.insert_adjacent_html("beforeend", "<div id=app>Loading</div>").expect("a shell");
    headroom_web::start();
    let html = document().document_element().expect("a root");
    assert!(html.has_attribute("data-ready"));
    let shell = document().get_element_by_id("app").expect("the shell");
    assert!(shell.query_selector("h1").is_ok_and(|h1| h1.is_some()));
    assert!(!shell.inner_html().contains("Loading"));
}

/// Waits for the frame in which the charts are drawn.
async fn next_frame() {
    let frame = js_sys::Promise::new(&mut |done, _| {
        window().request_animation_frame(&done).unwrap();
    });
    wasm_bindgen_futures::JsFuture::from(frame).await.unwrap();
    tick().await;
}

#[wasm_bindgen_test]
async fn a_chart_marks_the_question_and_its_keys_read_the_next_point() {
    let page = Page::open("?lang=en&model=qwen3-32b&quant=Q4_K_M&ctx=8192").await;
    next_frame().await;
    next_frame().await;
    let chart = page.part("chart-memory-context");
    let asked = chart.query_selector("tr[aria-current]").unwrap().unwrap();
    assert!(asked.text_content().unwrap().starts_with("8,192 tokens"));
    let total = asked.query_selector("td:nth-last-child(2)").unwrap().unwrap();
    let cell = page.cell("qwen3-32b", "Q4_K_M");
    assert_eq!(total.get_attribute("data-value"), Some(data(&cell, "bytes")));
    assert!(chart.query_selector("[data-testid=chart-mark]").unwrap().is_some());

    let keys = page.one("[data-testid=chart-memory-context] [data-testid=chart-keys]");
    let keys: HtmlInputElement = keys.unchecked_into();
    let before = keys.get_attribute("aria-valuetext").unwrap();
    keys.set_value("0");
    keys.dispatch_event(&Event::new("input").unwrap()).unwrap();
    tick().await;
    let after = keys.get_attribute("aria-valuetext").unwrap();
    assert!(after.starts_with("1,024 tokens: "), "{after}");
    assert_ne!(before, after);
}

#[wasm_bindgen_test]
async fn a_price_of_one_s_own_is_used_and_given_back() {
    let page =
        Page::open("?lang=en&model=qwen3-8b&hw=rtx-4090&quant=Q4_K_M&ctx=8192&tab=cost").await;
    let hour = || page.one("[data-testid=costs] tbody tr td:last-child");
    let (price, default) = (|| page.one("[data-testid=money-price]"), text(&hour()));
    let field = price().query_selector("input").unwrap().unwrap();
    let field: HtmlInputElement = field.unchecked_into();
    assert_eq!(field.value(), "1,599");
    field.set_value("99,000");
    field.dispatch_event(&Event::new("input").unwrap()).unwrap();
    tick().await;
    assert_ne!(text(&hour()), default);
    let reset = price().query_selector("button").unwrap().unwrap();
    page.click(&reset.unchecked_into()).await;
    assert_eq!(text(&hour()), default);
    assert_eq!(page.all("[data-testid=money-price] button").len(), 0);
}

#[wasm_bindgen_test]
async fn the_accuracy_page_takes_the_place_of_the_answer_and_gives_it_back() {
    let page = Page::open("?lang=en&model=qwen3-32b").await;
    page.click(&page.part("accuracy-link")).await;
    assert!(page.all("[data-testid=table]").is_empty());
    assert_eq!(page.one("#accuracy-title").text_content().unwrap(), "How accurate is this?");
    assert!(window().location().search().unwrap().contains("view=accuracy"));

    page.click(&page.part("accuracy-back")).await;
    assert!(page.all("[data-testid=accuracy]").is_empty());
    assert!(!page.all("[data-testid=table]").is_empty());
    let query = window().location().search().unwrap();
    assert!(!query.contains("view") && query.contains("qwen3-32b"), "{query}");
}

/// The test id of the field of a setting; none where the page has another part for it.
fn field_of(key: &str, group: Group, control: &Control) -> Option<String> {
    let id = match (key, group) {
        (_, Group::Own) => return None,
        ("ctx", _) => "context-input".to_owned(),
        ("cur", _) => "currency-select".to_owned(),
        ("kv" | "offload" | "draft", _) => format!("{key}-select"),
        ("lora", _) => "lora-rank-input".to_owned(),
        (_, Group::Money) => format!("money-{key}"),
        _ => {
            let kind = match control {
                Control::Switch => "switch",
                Control::Choice(_) => "select",
                _ => "input",
            };
            format!("{}-{kind}", key.replace('_', "-"))
        }
    };
    Some(id)
}

#[wasm_bindgen_test]
async fn every_setting_has_a_field_with_a_label() {
    let engines: Vec<&str> = Engine::ALL.iter().map(|engine| engine.name()).collect();
    let query = format!("?lang=en&model=qwen3-8b&cur=EUR&engine={}", engines.join(","));
    let page = Page::open(&query).await;
    let serving = Page::open(&format!("{query}&tab=serving")).await;
    let cost = Page::open(&format!("{query}&tab=cost")).await;
    // Filters stand above the ranking that they are of.
    let models = Page::open("?lang=en&model=*&hw=rtx-4090&size=0-0.1").await;
    let machines = Page::open("?lang=en&model=qwen3-8b&hw=*&memory=0-1").await;
    let mut found = 0;
    for setting in SETTINGS {
        let Some(id) = field_of(setting.key, setting.group, &setting.control()) else { continue };
        let page = match setting.group {
            Group::Filter => {
                let is_of_models = !models.all(&format!("[data-testid={id}]")).is_empty();
                if is_of_models { &models } else { &machines }
            }
            Group::Serving => &serving,
            Group::Money => &cost,
            _ => &page,
        };
        let field = page.part(&id).closest(".field, .checkbox, .money-field").unwrap();
        let label = field.unwrap().query_selector("label, span").unwrap();
        let label = label.and_then(|label| label.text_content()).unwrap_or_default();
        assert!(!label.trim().is_empty(), "{id} has no label");
        found += 1;
    }
    assert!(found > 50, "{found} fields");
}

#[wasm_bindgen_test]
async fn the_settings_of_an_engine_come_and_go_with_it() {
    let page = Page::open("?lang=en&model=qwen3-8b&hw=h100-sxm&quant=BF16&engine=vllm").await;
    let share: HtmlInputElement = page.part("util-input").unchecked_into();
    assert_eq!(
        (share.value(), share.placeholder()),
        (String::new(), "the engine’s own".to_owned())
    );
    let before = text(&page.part("pool"));
    page.type_into("util-input", "0.5").await;
    assert_ne!(text(&page.part("pool")), before);
    page.type_into("util-input", "2").await;
    assert_eq!(share.get_attribute("aria-invalid").as_deref(), Some("true"));
    page.type_into("util-input", "").await;
    assert_eq!(text(&page.part("pool")), before, "as the engine does by itself");

    let vllm = page.one("[data-testid=engine][data-engine=vllm]");
    let sglang = page.one("[data-testid=engine][data-engine=sglang]");
    assert_eq!(page.all("[data-testid=vllm-input]").len(), 1);
    page.click(&sglang).await;
    page.click(&vllm).await;
    assert_eq!(page.all("[data-testid=vllm-input]").len(), 0, "no release of vLLM in SGLang");
    assert_eq!(page.all("[data-testid=tp-input]").len(), 1);
    page.click(&page.one("[data-testid=engine][data-engine='llama.cpp']")).await;
    page.click(&sglang).await;
    assert!(page.all("[data-testid=engine-fields]").is_empty());
    let stages = page.part("pp-input").closest(".field").unwrap().unwrap();
    assert!(stages.text_content().unwrap().contains("not in llama.cpp"));
}
