//! The sentences of a plan in each language of the page.

use super::{DeviceFigures, Figures, Growth, Larger, Reason, Stage, What};
use crate::quant::Quant;
use crate::report::{Quality, QualityBasis, QualityFigure, QualityMetric, QualityNote};
use crate::scenario::{CacheTypes, Lang};
use crate::speed::Bottleneck;
use crate::units::{Bytes, Interval};

/// Where Hugging Face lists the quantisations of a model, whose id follows.
const HUB_QUANTISED: &str = "https://huggingface.co/models?other=base_model:quantized:";

/// Writes in one language.
#[derive(Clone, Copy, Debug)]
pub(super) struct Words(pub Lang);

/// Takes the text of the language.
macro_rules! text {
    ($words:ident, $en:literal, $ru:literal) => {
        match $words.0 {
            Lang::En => format!($en),
            Lang::Ru => format!($ru),
        }
    };
}

impl Words {
    pub fn title(self, model: &str, hardware: &str) -> String {
        text!(self, "Plan: {model} on {hardware}", "План: {model} на {hardware}")
    }

    pub fn stage(self, stage: Stage) -> String {
        match stage {
            Stage::Get => text!(self, "Get the model", "Получить модель"),
            Stage::Start => text!(self, "Start it", "Запустить"),
            Stage::Check => text!(self, "Check it", "Проверить"),
            Stage::Keep => text!(self, "Keep it running", "Запускать постоянно"),
            Stage::Grow => text!(self, "Grow", "Вырасти"),
        }
    }

    pub fn why(self) -> String {
        text!(self, "Why", "Почему так")
    }

    pub fn quality(self) -> String {
        text!(self, "Quality", "Качество")
    }

    /// A number with as many digits as it is good for.
    fn number(self, value: f64) -> String {
        let text = match value.abs() {
            v if v >= 100.0 => format!("{value:.0}"),
            v if v >= 10.0 || v == 0.0 => format!("{value:.1}"),
            v if v >= 0.1 => format!("{value:.2}"),
            _ => format!("{value:.4}"),
        };
        // What follows the point says nothing where it is zeros.
        let text = match text.contains('.') {
            true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
            false => text,
        };
        match self.0 {
            Lang::En => text,
            Lang::Ru => text.replace('.', ",").replace('-', "−"),
        }
    }

    fn whole(self, n: u64) -> String {
        let digits = n.to_string();
        let mut text = String::new();
        for (i, digit) in digits.chars().enumerate() {
            if i > 0 && (digits.len() - i).is_multiple_of(3) {
                text.push(match self.0 {
                    Lang::En => ',',
                    Lang::Ru => '\u{a0}',
                });
            }
            text.push(digit);
        }
        text
    }

    fn gib(self, bytes: Bytes) -> String {
        let gib = bytes.to_gib();
        let n = self.number(if gib < 0.1 { gib } else { (gib * 10.0).round() / 10.0 });
        text!(self, "{n} GiB", "{n} ГиБ")
    }

    fn range(self, value: Interval<f64>) -> String {
        let (low, high) = (self.number(value.low), self.number(value.high));
        match low == high {
            true => low,
            false => text!(self, "{low} to {high}", "от {low} до {high}"),
        }
    }

    /// A sentence of why a cell is as it is.
    pub fn reason(self, reason: &Reason) -> String {
        match reason {
            Reason::Filled { weights, cache, rest } => {
                let (total, weights) = (self.gib(*weights + *cache + *rest), self.gib(*weights));
                let (cache, rest) = (self.gib(*cache), self.gib(*rest));
                text!(
                    self,
                    "It takes {total}: {weights} of weights, {cache} of KV cache and {rest} of \
                     buffers and runtime.",
                    "Занимает {total}: {weights} весов, {cache} KV-кэша и {rest} буферов и среды \
                     выполнения."
                )
            }
            Reason::Headroom(bytes) => {
                let amount = self.gib(Bytes(bytes.unsigned_abs()));
                match *bytes < 0 {
                    true => text!(self, "{amount} are missing.", "Не хватает {amount}."),
                    false => text!(
                        self,
                        "{amount} stay free on the fullest device.",
                        "На самом занятом устройстве свободно {amount}."
                    ),
                }
            }
            Reason::InRam(bytes) => {
                let amount = self.gib(*bytes);
                text!(
                    self,
                    "{amount} of it lie in RAM, and each token has to read them there.",
                    "{amount} лежат в ОЗУ, и каждый токен читает их оттуда."
                )
            }
            Reason::Limit(limit, tps) => {
                let (limit, rate) = (self.limit(*limit), self.number(*tps));
                text!(
                    self,
                    "Decoding is limited by {limit}, at {rate} tokens/s with the context full.",
                    "Генерацию ограничивает {limit}: {rate} ток/с при полном контексте."
                )
            }
            Reason::ContextGivesFirst(tokens) => {
                let tokens = self.whole(*tokens);
                text!(
                    self,
                    "The context gives first: {tokens} tokens fit.",
                    "Первым упирается контекст: помещается {tokens} токенов."
                )
            }
            Reason::UsersGiveFirst(users) => {
                let users = self.whole(*users);
                text!(
                    self,
                    "At this context {users} users fit.",
                    "При таком контексте помещается пользователей: {users}."
                )
            }
            Reason::WholeContext(tokens) => {
                let tokens = self.whole(*tokens);
                text!(
                    self,
                    "All {tokens} tokens that the model was trained for fit.",
                    "Помещается весь контекст, с которым обучена модель: {tokens} токенов."
                )
            }
        }
    }

    fn limit(self, limit: Bottleneck) -> String {
        match limit {
            Bottleneck::Bandwidth => {
                text!(self, "memory bandwidth", "пропускная способность памяти")
            }
            Bottleneck::Compute => text!(self, "compute", "вычислительная мощность"),
            Bottleneck::Overhead => {
                text!(self, "kernel launches and scheduling", "запуск ядер и планирование")
            }
            Bottleneck::Interconnect => {
                text!(self, "the links between devices", "связь между устройствами")
            }
            Bottleneck::Host => {
                text!(self, "the RAM and its link to the device", "ОЗУ и её связь с устройством")
            }
            Bottleneck::Memory => text!(self, "the size of the memory", "объём памяти"),
        }
    }

    /// What weights in `quant` and a cache in `kv` lose, a line for each figure.
    pub fn quality_lines(self, quant: Quant, kv: CacheTypes, quality: &Quality) -> Vec<String> {
        let notes = [(quant.to_string(), &quality.weights), (format!("KV {kv}"), &quality.cache)];
        notes.iter().flat_map(|(subject, note)| self.note(subject, note)).collect()
    }

    /// A note on quality, a line for each figure; nothing of a reference.
    fn note(self, subject: &str, note: &QualityNote) -> Vec<String> {
        match note {
            QualityNote::Reference => Vec::new(),
            QualityNote::NoData => vec![text!(
                self,
                "{subject}: no published measurement that compares.",
                "{subject}: нет данных, опубликованных измерений не нашлось."
            )],
            QualityNote::Measured { figures } => {
                figures.iter().map(|figure| self.quality_figure(subject, figure)).collect()
            }
        }
    }

    fn quality_figure(self, subject: &str, figure: &QualityFigure) -> String {
        let QualityFigure { format, models, value, data, method, source, .. } = figure;
        let middle = self.number(value.expected);
        let middle = match figure.metric {
            QualityMetric::Divergence => {
                text!(self, "KL divergence {middle} nats", "KL-дивергенция {middle} нат")
            }
            QualityMetric::Agreement => text!(
                self,
                "same top token {middle} % of the time",
                "тот же первый токен в {middle} % случаев"
            ),
            QualityMetric::Perplexity => {
                text!(self, "perplexity {middle} % higher", "перплексия выше на {middle} %")
            }
            QualityMetric::Benchmark => {
                text!(self, "benchmarks {middle} points", "бенчмарки: {middle} пункта")
            }
        };
        let of = match format.strip_suffix(" bits per weight") {
            Some(bits) => {
                let bits = bits.replace(" to ", "\u{2013}");
                text!(self, " (mixes of {bits} bits per weight)", " (смеси по {bits} бит на вес)")
            }
            None if subject.ends_with(format.as_str()) => String::new(),
            None => format!(" ({format})"),
        };
        let range = match value.low < value.high {
            true => format!(" ({})", self.range(*value)),
            false => String::new(),
        };
        let (n, names) = (models.len(), models.join(", "));
        let whose = match figure.basis {
            QualityBasis::Model => text!(self, "measured on this model", "измерено на этой модели"),
            QualityBasis::Similar if n == 1 => text!(
                self,
                "of one model of its size and kind: {names}",
                "у одной модели такого размера и вида: {names}"
            ),
            QualityBasis::OtherSize if n == 1 => text!(
                self,
                "of one model of its kind, of another size: {names}",
                "у одной модели такого вида, но другого размера: {names}"
            ),
            QualityBasis::OtherSize => text!(
                self,
                "over {n} models of its kind, of another size: {names}",
                "по моделям такого вида, но другого размера ({n}): {names}"
            ),
            QualityBasis::AnyModel if n == 1 => text!(
                self,
                "of the one model that was measured: {names}",
                "у единственной измеренной модели: {names}"
            ),
            QualityBasis::Similar => text!(
                self,
                "over {n} models of its size and kind: {names}",
                "по моделям такого размера и вида ({n}): {names}"
            ),
            QualityBasis::AnyModel => text!(
                self,
                "over the models that were measured, {n}: {names}",
                "по всем измеренным моделям ({n}): {names}"
            ),
        };
        let by = if method.is_empty() { String::new() } else { format!("; {method}") };
        format!("{subject}{of}: {middle}{range}, {whose}; {data}{by} [{source}]")
    }

    /// What a step does.
    pub fn what(self, what: &What, figures: &Figures) -> String {
        match what {
            What::DownloadsItself(name) => text!(
                self,
                "It downloads {name} by itself when it starts.",
                "При запуске сам скачает {name}."
            ),
            What::Download(name) => text!(self, "Download {name}:", "Скачать {name}:"),
            What::DownloadOriginal(name) => text!(
                self,
                "No published file of this format is known here; what others have made is listed at {HUB_QUANTISED}{name}. To make one, download {name} as released:",
                "Опубликованный файл в этом формате здесь не известен; сделанное другими перечислено на {HUB_QUANTISED}{name}. Чтобы сделать его, скачать {name} в исходном виде:"
            ),
            What::Convert => text!(
                self,
                "Convert it with the script of llama.cpp:",
                "Преобразовать скриптом llama.cpp:"
            ),
            What::Imatrix => text!(
                self,
                "Compute an importance matrix over a text that is like yours, text.txt:",
                "Посчитать матрицу важности по тексту, похожему на ваш, text.txt:"
            ),
            What::Quantise => text!(self, "Quantise it:", "Квантовать:"),
            What::QuantiseScript(library) => text!(
                self,
                "No published checkpoint of this format is known here. To make one, quantise the model with {library}, by this script:",
                "Опубликованный чекпойнт в этом формате здесь не известен. Чтобы сделать его, квантовать модель с помощью {library} таким скриптом:"
            ),
            What::RunScript => text!(self, "Run the script:", "Запустить скрипт:"),
            What::ConvertUnlessPublished(folder) => text!(
                self,
                "If it is not published, convert it and name {folder} as the model:",
                "Если такого нет, преобразовать и указать моделью {folder}:"
            ),
            What::ConvertOwn => text!(
                self,
                "Quantise it with the script of ExLlamaV3:",
                "Квантовать скриптом ExLlamaV3:"
            ),
            What::OwnFiles(name) => text!(
                self,
                "The model is of your own files: call it {name}, or write its name in the commands.",
                "Модель \u{2013} из ваших файлов: назвать её {name} или вписать её имя в команды."
            ),
            What::MadeOnLoad => text!(
                self,
                "The engine quantises it as it loads.",
                "Движок квантует её при загрузке."
            ),
            What::Import => text!(self, "Import the file:", "Импортировать файл:"),
            What::Write(name) => text!(self, "Write {name}:", "Записать {name}:"),
            What::StartServer => text!(
                self,
                "Start the server in a terminal of its own, unless it runs already without these settings; then stop that one first:",
                "Запустить сервер в отдельном терминале; если он уже работает с другими настройками, сначала остановить его:"
            ),
            What::Serve(port) => text!(
                self,
                "Start the server; it answers at http://localhost:{port}:",
                "Запустить сервер; он отвечает на http://localhost:{port}:"
            ),
            What::Load => text!(self, "Load the model:", "Загрузить модель:"),
            What::SetInApp(settings) => {
                let settings: Vec<String> =
                    settings.iter().map(|(name, value)| format!("{name} = {value}")).collect();
                let settings = settings.join(", ");
                text!(
                    self,
                    "There is no flag for these: set them in the app, in the model's load settings: {settings}.",
                    "Для этого нет флагов: задать в приложении, в параметрах загрузки модели: {settings}."
                )
            }
            What::ExpectMemory(devices) => self.memory(devices, figures.in_ram),
            What::LogsMemory("") => text!(
                self,
                "Its log reports this as it starts: pasted into the page under \u{201c}measured\u{201d}, it is set beside the estimate.",
                "Об этом говорит журнал при запуске: вставленный на странице в «измерено», он сравнивается с оценкой."
            ),
            What::LogsMemory(flag) => text!(
                self,
                "With {flag} its log reports this as it starts: pasted into the page under \u{201c}measured\u{201d}, it is set beside the estimate.",
                "С {flag} об этом говорит журнал при запуске: вставленный на странице в «измерено», он сравнивается с оценкой."
            ),
            What::ExpectSpeed => self.speed(figures),
            What::MeasureAndPaste => text!(
                self,
                "Measure it, and paste the output into the page under \u{201c}measured\u{201d}: it then says how far it was off:",
                "Измерить и вставить вывод на странице в «измерено»: она покажет, насколько ошиблась:"
            ),
            What::Measure => text!(
                self,
                "Measure it, and type the tokens/s into the page under \u{201c}measured\u{201d}:",
                "Измерить и вписать ток/с на странице в «измерено»:"
            ),
            What::SystemdUnit(unit) => text!(
                self,
                "On Linux, a unit of systemd in ~/.config/systemd/user/{unit}:",
                "В Linux \u{2013} юнит systemd в ~/.config/systemd/user/{unit}:"
            ),
            What::SystemdEnable => text!(self, "Enable it:", "Включить его:"),
            What::Compose => {
                text!(self, "Or in a container, compose.yaml:", "Или в контейнере, compose.yaml:")
            }
            What::ComposeUp => text!(self, "Start it:", "Запустить его:"),
            What::MoreDevices(larger) => self.larger(larger),
            What::MoreNodes(larger) => self.larger(larger),
            What::SameCommands => text!(self, "The commands stay as they are.", "Команды те же."),
            What::FirstNode => {
                text!(self, "On the first machine, HEAD:", "На первой машине, HEAD:")
            }
            What::OtherNodes => text!(self, "On the other machine:", "На второй машине:"),
            What::LeaderWorkerSet => text!(
                self,
                "In Kubernetes, as a LeaderWorkerSet:",
                "В Kubernetes \u{2013} LeaderWorkerSet:"
            ),
            What::DynamoGraph => text!(
                self,
                "In Kubernetes with the operator of Dynamo:",
                "В Kubernetes с оператором Dynamo:"
            ),
            What::Apply(port) => text!(
                self,
                "Start it; once it is ready, the second command makes it answer at http://localhost:{port}:",
                "Запустить; когда всё готово, со второй командой оно отвечает на http://localhost:{port}:"
            ),
            What::Replicas(n, together) => {
                let rate = together.map(|tps| self.number(tps));
                match rate {
                    Some(rate) => text!(
                        self,
                        "{n} copies on machines of their own behind a router: about {rate} tokens/s for all users together.",
                        "Копий за маршрутизатором, каждая на своей машине: {n}; вместе около {rate} ток/с на всех."
                    ),
                    None => text!(
                        self,
                        "{n} copies on machines of their own behind a router.",
                        "Копий за маршрутизатором, каждая на своей машине: {n}."
                    ),
                }
            }
            What::EngineRouter(name) => text!(
                self,
                "{name} sends each request to the copy that has most of its prompt in the cache: the first command on one machine, the second on each; all of them reach one etcd:",
                "{name} отправляет запрос той копии, у которой в кэше больше его промпта: первая команда на одной машине, вторая на каждой; всем нужен общий etcd:"
            ),
            What::Router(name) => {
                text!(self, "{name} spreads the requests:", "{name} распределяет запросы:")
            }
        }
    }

    fn memory(self, devices: &[DeviceFigures], in_ram: Option<Bytes>) -> String {
        let device = |device: &DeviceFigures| {
            let used = device.used.map(Bytes::to_gib);
            let (name, used) = (&device.name, self.range(used.map(|n| (n * 10.0).round() / 10.0)));
            let usable = self.gib(device.usable);
            text!(self, "{name}: {used} of {usable}", "{name}: {used} из {usable}")
        };
        let mut lines: Vec<String> = devices.iter().map(device).collect();
        lines.dedup();
        if let Some(ram) = in_ram {
            let ram = self.gib(ram);
            lines.push(text!(self, "RAM: {ram}", "ОЗУ: {ram}"));
        }
        let lines = lines.join("; ");
        text!(self, "Expect in memory: {lines}.", "Ожидаемая память: {lines}.")
    }

    fn speed(self, figures: &Figures) -> String {
        let mut parts = Vec::new();
        if let Some(tps) = figures.decode_tps_empty {
            let range = self.range(tps);
            parts.push(text!(self, "{range} tokens/s nearly empty", "{range} ток/с в начале"));
        }
        if let Some(tps) = figures.decode_tps {
            let (range, tokens) = (self.range(tps), self.whole(figures.context));
            parts.push(text!(
                self,
                "{range} tokens/s at {tokens} tokens of context",
                "{range} ток/с при контексте {tokens}"
            ));
        }
        if let Some(tps) = figures.prefill_tps {
            let range = self.range(tps);
            parts.push(text!(self, "prompts at {range} tokens/s", "промпт {range} ток/с"));
        }
        if let Some(tps) = figures.throughput_tps.filter(|_| figures.users > 1) {
            let (range, users) = (self.range(tps), self.whole(figures.users));
            parts.push(text!(
                self,
                "{range} tokens/s for {users} users together",
                "{range} ток/с вместе, пользователей {users}"
            ));
        }
        let parts = parts.join("; ");
        text!(self, "Expect: {parts}.", "Ожидаемая скорость: {parts}.")
    }

    fn larger(self, larger: &Larger) -> String {
        let what = match larger.growth {
            Growth::Devices(n) => {
                text!(self, "{n} devices in one machine", "Устройств в одной машине: {n}")
            }
            Growth::Nodes(n) => text!(
                self,
                "{n} machines with a part of the layers each",
                "Машин, на каждой часть слоёв: {n}"
            ),
        };
        let figures = &larger.figures;
        let mut gains = Vec::new();
        if let Some(tps) = figures.decode_tps {
            let rate = self.number(tps.expected);
            gains.push(text!(self, "{rate} tokens/s", "{rate} ток/с"));
        }
        if let Some(tps) = figures.throughput_tps.filter(|_| figures.users > 1) {
            let rate = self.number(tps.expected);
            gains.push(text!(self, "{rate} tokens/s together", "{rate} ток/с вместе"));
        }
        let context = figures.trained_context.unwrap_or(u64::MAX).min(figures.max_context);
        let context = self.whole(context);
        gains.push(text!(
            self,
            "up to {context} tokens of context",
            "до {context} токенов контекста"
        ));
        if figures.users > 1 {
            let users = self.whole(figures.max_users);
            gains.push(text!(self, "up to {users} users", "до {users} пользователей"));
        }
        let gains = gains.join(", ");
        format!("{what}: {gains}.")
    }
}
