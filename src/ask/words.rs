//! The words that people ask with, English and Russian, and other spellings of names. A word that
//! ends with `*` is the beginning of one. Names follow from the catalogue; here is only what does
//! not.

use std::sync::LazyLock;

use super::lexer::transliterate;
use super::table::Table;

/// What a word stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Context.
    Context,
    /// Tokens.
    Tokens,
    /// Thousands.
    Thousand,
    /// Millions.
    Million,
    /// Users, or things that are served at the same time.
    Users,
    /// Gigabytes.
    Gigabytes,
    /// Terabytes.
    Terabytes,
    /// The machine's own memory.
    Ram,
    /// Memory of a card.
    Vram,
    /// Memory, of whatever.
    Memory,
    /// Cards.
    Card,
    /// Machines as a whole.
    Machine,
    /// The processor.
    Cpu,
    /// Models.
    Model,
    /// Quantisation.
    Quant,
    /// Bits.
    Bits,
    /// The KV cache.
    Cache,
    /// Seconds.
    Second,
    /// Milliseconds.
    Millisecond,
    /// `per`.
    Per,
    /// Tokens a second, as one word.
    Rate,
    /// Speed.
    Speed,
    /// What is sent.
    Prompt,
    /// What is answered.
    Output,
    /// Layers of a model.
    Layers,
    /// Experts of a model.
    Experts,
    /// Leaving parts in RAM.
    Offload,
    /// A draft model.
    Draft,
    /// `without`.
    Without,
    /// `which`, `what`.
    Which,
    /// `how much`, `the most`.
    HowMuch,
    /// `to need`.
    Need,
    /// `to run`, `to fit`.
    Fit,
    /// Alternatives: `or`, `versus`.
    Or,
    /// Machines of a cluster.
    Node,
    /// Processor cores.
    Cores,
    /// Makers and other words that are part of a device's name and tell nothing.
    Brand,
    /// Hosts, publishers and formats that are part of an address and tell nothing.
    Address,
    /// Words of a sentence.
    Filler,
}

use Meaning::{
    Address, Bits, Brand, Cache, Card, Context, Cores, Cpu, Draft, Experts, Filler, Fit, Gigabytes,
    HowMuch, Layers, Machine, Memory, Million, Millisecond, Model, Need, Node, Offload, Or, Output,
    Per, Prompt, Quant, Ram, Rate, Second, Speed, Terabytes, Thousand, Tokens, Users, Vram, Which,
    Without,
};

const MEANINGS: &[(Meaning, &str)] = &[
    (
        Context,
        "context contexts ctx contex contxt window контекст* окно окном окна контекст* num_ctx n_ctx",
    ),
    (Tokens, "token tokens tok toks токен* ток т t tk"),
    (Thousand, "k к тыс тысяч* thousand"),
    (Million, "m м mln million млн миллион* лям лямов ляма"),
    (
        Users,
        "team user users чел people person persons client clients customers concurrent concurrently \
        concurrency parallel simultaneous simultaneously employees developers devs dev engineers \
        students colleagues coworkers coworker staff operators agents seats sessions streams slots requests пользовател* юзер* человек* людей рабочих мест \
        клиент* сотрудник* разработчик* программист* студент* одновременн* параллельн* запросов \
        запроса сессий сессии потоков потока оператор* менеджер* аналитик* юрист* врачей коллег*",
    ),
    (Gigabytes, "gb gib gig gigs giga gigabyte gigabytes g гб гиг* г гигабайт* gbs"),
    (Terabytes, "tb tib terabyte тб терабайт*"),
    (Ram, "ram ддр озу оператив* ddr rdimm dimm sodimm рам рама рамы оперы"),
    (Vram, "vram врам видеопамят* vmem"),
    (Memory, "memory mem памят* unified"),
    (
        Card,
        "gpu gpus card cards videocard graphics видеокарт* карт карта карте карту карты карточк* \
        картах картами видюх* гпу видях* видео дискрет* graphicscard accelerator ускорител*",
    ),
    (
        Machine,
        "hardware hw machine rig setup server pc computer workstation build laptop notebook желез* машин* \
        сервер* комп компьютер* компе ноут* ноутбук* пк сборк* железк* комплектующ* конфигураци* конфиг \
        requirements specs requirement требован*",
    ),
    (Cpu, "cpu processor процессор* проц проце цпу"),
    (Model, "model models llm llms модел* ллм нейросет* нейронк* сетк* лмм"),
    (
        Quant,
        "quant quants quantization quantisation quantized quantised quantize квант* кват* bpw precision",
    ),
    (Bits, "bit bits бит* битн* bpw"),
    (Cache, "kv cache kvcache кэш* кеш* кв"),
    (Second, "s sec secs second seconds с сек секунд*"),
    (Millisecond, "ms мс миллисекунд* millisecond milliseconds"),
    (Per, "per a в each за"),
    (Rate, "tps tks toksec тпс"),
    (
        Speed,
        "speed fast faster quick quickly slow скорост* быстр* throughput latency performance производительност* tps шустр*",
    ),
    (Prompt, "prompt prompts isl prefix префикс* input in промпт* вход* входн* пп промт*"),
    (
        Output,
        "output osl out answer answers generation generated response responses reply ответ* выход* \
        генераци* completion",
    ),
    (Layers, "layers layer слоев слоёв слоя слои"),
    (Experts, "experts expert moe мое эксперт*"),
    (Offload, "offload offloading offloaded оффлоад* выгруз* spill выгрузк*"),
    (Draft, "draft drafter speculative драфт* спекулятивн*"),
    (Without, "no without без not non only wo"),
    (
        Which,
        "what which whats best highest чем чём какой какая какое какие каком какую каких каким что чего лучш* самая самую самый самые cheapest smallest newest latest fastest quickest smartest biggest largest \
        подскажите посоветуйте посоветуй recommend suggest",
    ),
    (HowMuch, "how many much max maximum longest сколько скольки* максимальн* макс насколько"),
    (
        Need,
        "need needed needs take require required requires buy get нужен нужн* надо требует* купить брать взять потребу* \
        собрать понадоб* нужно треб* minimum min минимум минимальн*",
    ),
    (
        Fit,
        "fit fits fitting deploy deploying support supports run runs running handle host serve serving enough work works usable влез* влаз* помест* \
        помещ* потян* тян* хват* запуст* запуск* пойд* пойти заработ* работ* крут* развернуть подойд* осил* справ* сдюж* \
        поднять вместит* вместиш* вмещ* вывез* вытян* завед* завест* гонять load loaded possible realistic поставить",
    ),
    (Or, "or ili than vs versus или против либо compare comparing compared сравн* between"),
    (
        Node,
        "node nodes servers machines boxes hosts rigs ноды нод нода нодах узл* сервера серверов серверах серваков машины",
    ),
    (Cores, "core cores ядер ядра ядро ядерн* c"),
    (
        Brand,
        "nvidia geforce amd radeon intel tm corporation inc apple gpu gpus graphics ati mesa angle google \
        direct3d direct vulkan opengl metal renderer unspecified qat similar webgl gl es llvm drm radv radeonsi series family \
        edition generation adapter pci sse laptopgpu нвидиа джифорс интел амд радеон",
    ),
    (
        Address,
        "https http www huggingface hf co ollama com resolve main blob tree library gguf \
        safetensors unsloth bartowski mradermacher thebloke community ggml org lmstudio \
        redhatai neuralmagic modelscope models raw gg docker podman repo file weights checkpoint openai cohere кохере",
    ),
    (
        Filler,
        "na li pod dlya dedicated выделенн* hosting way latest phone ghz mhz th nd rd st gpus i ii me my mine we our you your he it its the a an this that these those of on in at to for from \
        with w by and is are am be been was do does did doing can could will would should shall may \
        might if so then than but just only also too very any some all one im id ive ill dont \
        want wanna like please pls plz thanks hi hello hey guys anyone about around approx approximately \
        up under over least more less per each both there here now still when using use used usage \
        via into onto as has have had having got get give tell know think wondering whether question help \
        good decent ok okay fine comfortably well enough actually really currently maybe possibly going go gonna trying \
        try plan planning looking look local locally home homelab inside full fully entire entirely \
        size length len long total tokens chunked new old used second time same at once real life version variant \
        single gen llm open source weights instance instances box system os linux windows ubuntu macos \
        inference chat chatting coding rag below rent rental renting hour hours monthly month аренд* арендова* час часов \
        электричеств* electricity cost costs ttft tpot itl system shared common системн* agent agents agentic work office team company small startup \
        python python3 m run rm ipc serve server start entry api import usr bin sudo bash env export \
        true false exec localhost port minutes make max need how what which where who why \
        и в во на с со у к ко по за до от из о об для при под над без не ни да нет же ли бы то это эта этот \
        этой этом эту эти тот та те я мне меня мы нам нас наш наша нашем ты вы вас вам мой моя моё мое моей моем моём \
        моих мои моего есть имеется будет будут быть был была если как так там тут здесь где когда \
        можно могу можешь может смогу сможет получится получиться ли а но или еще ещё уже только просто чтобы \
        хочу хотим хотел хочется нормально комфортно адекватно реально вообще примерно около порядка хотя \
        ок ребят народ привет подскажи скажите скажи плиз пожалуйста спасибо всем кто нибудь либо \
        локально локальн* дома домашн* один одна одно одной одном одну себе свой своем своём своей целиком полностью \
        весь вся все всё всего desktop nvlink при этом штук* шт штуки размер* длин* длиной объем* объём* хорош* \
        версия версии версию шт раз под через плюс итд про тоже ж бу сейчас теперь чат чата чате чтоб \
        i'd ll re ve d t s don won doesn isn didn aren couldn вот ну типа короче давай буду будем планирую \
        думаю собираюсь такой такая такую такое стоит имею имеем миллиард* купил посчитай посчитать \
        вопрос интересно вижу нету чистом идёт идет иметь дай дайте покажи show calculate calc estimate \
        param* парам* silicon newer новее socket sockets выдаст выдаёт даст покажет it'll enough smoothly properly decently company's comfortably reasonable reasonably mean \
        getting получаю уровня класса level worth add adding better let let's doable expect possibly имею* имеющ* добавить \
        добавлю мощнее лучше жрет жрёт ради чё че скока ии норм самое",
    ),
];

/// Other spellings of words in names, in Latin letters; from Cyrillic ones without the ending.
const SPELLINGS: &[(&str, &str)] = &[
    ("qwen", "kven kvin kuen quen qven kwen qvin kvenchik kvon"),
    ("llama", "lama lam llam lamma lamm ламочка"),
    ("deepseek", "depseek dipseek dipsik dipsek dipseek diipsik dipsic dipsick deepsek deepsik ds"),
    ("mistral", "mistral"),
    ("mixtral", "mikstral mikstrl"),
    ("gemma", "gemma gemm gemma dzhemma dzhemm zhemma zhemm"),
    ("phi", "fi fai"),
    ("glm", "zhlm dzhilm glem gml"),
    ("kimi", "kim kimi kimchik"),
    ("minimax", "minimaks minimak minimax"),
    ("gpt", "gpt chatgpt dzhipiti gipiti zhpt gtp"),
    ("oss", "oss os"),
    ("nemotron", "nemotron nimotron"),
    ("grok", "grok"),
    ("falcon", "falkon"),
    ("hunyuan", "hunyuan hunyan"),
    ("granite", "granit"),
    ("devstral", "devstral"),
    ("command", "komand kommand komandr kommandr"),
    ("saiga", "sayga"),
    ("coder", "koder kodr koud"),
    ("scout", "skaut"),
    ("maverick", "maverik"),
    ("flash", "flesh flash"),
    ("air", "eyr eir"),
    ("small", "smol small smoll"),
    ("large", "lardzh larg larzh ladzh"),
    ("exp", "eksp eksperimental"),
    ("lite", "layt"),
    ("distill", "distil distill distillyat"),
    ("instruct", "instrukt inst instr"),
    ("next", "nekst"),
    ("guard", "gard"),
    ("mxfp", "mhfp"),
    ("vision", "vizhn vizhen vizhin"),
    ("vulkan", "vulkan"),
    ("thinking", "tinking sinking"),
    ("rtx", "rth rtks rtkh pth"),
    ("gtx", "gth gtks gth"),
    ("rx", "rh rks"),
    ("xt", "ht"),
    ("xtx", "hth"),
    ("ti", "tay tai"),
    ("super", "super supr"),
    ("blackwell", "bw blekvell blakvel blackwel blekvel"),
    ("ada", "ada"),
    ("laptop", "mobile laptop"),
    ("workstation", "ws"),
    ("max", "maks max mah"),
    ("pro", "pro"),
    ("ultra", "ultra ultr"),
    ("strix", "striks strix"),
    ("halo", "halo hal"),
    ("spark", "spark"),
    ("tesla", "tesl tesla"),
    ("radeon", "radeon"),
    ("arc", "ark"),
    ("ryzen", "rayzen rizen ryzen"),
    ("xeon", "ksion kseon zeon"),
    ("epyc", "epik epic"),
    ("threadripper", "tredripper trediper"),
    ("mac", "mak"),
    ("macmini", "makmini makmin"),
    ("macstudio", "makstudio makstudi"),
    ("claude", "klod"),
    ("gemini", "dzhemini dzheminay"),
    ("jetson", "dzhetson zhetson"),
    ("thor", "tor"),
    ("dolphin", "delfin dolfin"),
    ("exaone", "ekzaon eksaon"),
    ("medium", "medium midium"),
    ("raspberry", "raspberi rasberi rasberri rasberry razberi malink"),
    ("pi", "pay"),
    ("macbook", "makbuk makbook macbuk mbp mba"),
    ("studio", "studi studio studios studiya"),
    ("mini", "min minis"),
    ("vllm", "vllm vlm"),
    ("llamacpp", "lamacpp"),
    ("exllama", "ekslam eksllam"),
    ("hermes", "germes"),
    ("nx", "nh"),
    ("h", "eych eich"),
    ("tensor", "tenzor"),
    ("ollama", "ollam olama olam ollamma"),
    ("sglang", "sglang"),
    ("q", "ku kyu"),
    ("billion", "billion billions bn mlrd milliard milliardov"),
];

static SPELLED: LazyLock<Table<&str>> = LazyLock::new(|| {
    let mut table = Table::new();
    for (word, others) in SPELLINGS {
        for other in others.split_whitespace() {
            table.or_insert(other, *word);
        }
    }
    table
});

static MEANT: LazyLock<Table<Vec<Meaning>>> = LazyLock::new(|| {
    let mut table: Table<Vec<Meaning>> = Table::new();
    for (meaning, words) in MEANINGS {
        for word in words.split_whitespace() {
            table.or_insert(word, Vec::new()).push(*meaning);
        }
    }
    // Russian in Latin letters, where English has no such word: skolko, vlezet.
    let russian: Vec<(String, Vec<Meaning>)> = table
        .iter()
        .filter(|(word, _)| !word.is_ascii() && word.len() > 7)
        .map(|(word, meanings)| (transliterate(word), meanings.clone()))
        .collect();
    for (word, meanings) in russian {
        table.or_insert(&word, meanings);
    }
    table
});

/// The usual spelling of a word in a name: `word` in Latin letters, `raw` as it was typed.
pub fn canonical(word: String, raw: &str, is_cyrillic: bool) -> String {
    if let Some(usual) = SPELLED.get(&word) {
        return (*usual).to_owned();
    }
    if !is_cyrillic {
        return word;
    }
    // Russian nouns decline: ламу, квена, дипсиком.
    let vowels = |c| matches!(c, 'a' | 'e' | 'i' | 'o' | 'u' | 'y');
    let stem = word.trim_end_matches(vowels);
    let longer = stem.strip_suffix("om").or(stem.strip_suffix("am")).unwrap_or(stem);
    let found = [stem, longer].into_iter().find_map(|stem| SPELLED.get(stem));
    match found {
        Some(usual) if stem.len() > 1 => return (*usual).to_owned(),
        _ if word.len() < 6 || meanings(raw).next().is_some() => return word,
        _ => {}
    }
    // A slip in a word that is not in any name as it is heard.
    let near = SPELLED.iter().find(|(known, _)| {
        known.len() > 4
            && known.as_bytes()[0] == word.as_bytes()[0]
            && super::names::slips(&word, known, 1).is_some()
    });
    near.map_or_else(|| word.clone(), |(_, usual)| (*usual).to_owned())
}

/// Whether the word, as typed in lower case, can stand for this.
pub fn means(raw: &str, meaning: Meaning) -> bool {
    meanings(raw).any(|known| *known == meaning)
}

/// Everything that the word can stand for.
pub fn meanings(raw: &str) -> impl Iterator<Item = &'static Meaning> {
    by_word(&MEANT, raw)
}

/// The values of a word, by itself or by its beginning, which the table ends with `*`.
pub fn by_word<'a, V>(table: &'a Table<Vec<V>>, raw: &str) -> impl Iterator<Item = &'a V> {
    let whole = table.get(raw).into_iter().flatten();
    // Beginnings are few letters: each is looked up.
    let beginnings =
        raw.char_indices().skip(1).map(|(at, c)| at + c.len_utf8()).filter(|at| *at >= 4);
    let by_beginning = beginnings.filter_map(|end| {
        let mut key = String::with_capacity(end + 1);
        key.push_str(&raw[..end]);
        key.push('*');
        table.get(key.as_str())
    });
    whole.chain(by_beginning.flatten())
}
