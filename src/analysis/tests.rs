//! The room's face: labelled prompts, metamorphic checks, agent steps, token estimates.
//!
//! The labelled prompts were written together with the rules. They keep the rules from falling over; they do not measure
//! how often the rules are right.

use proptest::prelude::*;

use super::*;
use crate::codec::{ChatRequest, ChatView, Part, Role, StreamOptions, Tool, Turn};
use crate::types::{Capabilities, Dialect, HardMarkers, Operation};

use TaskClass::{
    Agent, Classification, Code, Creative, Extraction, Knowledge, Math, Other, Reasoning, Summarisation,
    Translation,
};

fn request() -> ChatRequest {
    ChatRequest {
        dialect: Dialect::OpenAi,
        operation: Operation::ChatCompletions,
        model: "auto".to_owned(),
        model_span: 0..0,
        stream: false,
        stream_options: StreamOptions::Absent,
        first_member: 1,
        max_output_tokens: None,
        choices: 1,
        needs: Capabilities::default(),
        hard_markers: HardMarkers::default(),
        cache_markers: false,
        repeats: false,
        session: None,
    }
}

fn view<'a>(system: &'a str, turns: Vec<Turn<'a>>) -> ChatView<'a> {
    ChatView {
        request: request(),
        system: if system.is_empty() { Vec::new() } else { vec![system] },
        turns,
        tools: Vec::new(),
        tools_bytes: 0,
        schema_bytes: 0,
        demands_call: false,
    }
}

fn user(text: &str) -> Turn<'_> {
    Turn { role: Role::User, parts: vec![Part::Text(text)] }
}

fn call<'a>() -> Turn<'a> {
    Turn { role: Role::Assistant, parts: vec![Part::ToolCall { name: "read_file", bytes: 40 }] }
}

fn result(text: &str) -> Turn<'_> {
    Turn { role: Role::Tool, parts: vec![Part::ToolResult { text, is_error: false }] }
}

fn tools<'a>(number: usize) -> Vec<Tool<'a>> {
    vec![Tool { name: "read_file", server_side: false }; number]
}

fn of(view: &ChatView<'_>) -> Analysis {
    understand(&extract(view))
}

fn plain(prompt: &str) -> Analysis {
    of(&view("", vec![user(prompt)]))
}

const LABELLED: &[(TaskClass, &str)] = &[
    (Code, "Write a function in Python that returns the n-th Fibonacci number."),
    (Code, "Why does this panic?\n```rust\nlet v: Vec<u8> = vec![];\nprintln!(\"{}\", v[0]);\n```"),
    (Code, "Refactor this class so that the database access is behind an interface, and add unit tests."),
    (
        Code,
        "def f(nums):\n    out = []\n    for n in nums:\n        out.append(n * 2)\n    return out\n\nassert f([1, 2]) == ??",
    ),
    (Code, "I get `TypeError: cannot read properties of undefined` in my React component. How do I fix it?"),
    (Code, "SQL query that returns the three customers with the highest revenue per region"),
    (Code, "How do I rebase my git branch onto main without losing commits?"),
    (Code, "Schreibe eine Funktion in Java, die prüft, ob eine Zeichenkette ein Palindrom ist."),
    (Code, "Escribe una función en JavaScript que ordene una lista de objetos por fecha."),
    (Code, "Напиши функцию на Python, которая считает слова в файле."),
    (Code, "用 Python 写一个函数，判断一个数是否为质数。"),
    (
        Math,
        "Natalia sold clips to 48 of her friends in April, and then she sold half as many in May. How many did she sell altogether?",
    ),
    (Math, "Solve for x: 3x + 7 = 22"),
    (Math, "Prove that the square root of 2 is irrational."),
    (Math, "What is 17 * 23 + 4?"),
    (Math, "Compute the eigenvalues of the matrix [[2, 1], [1, 2]]."),
    (Math, "Evaluate $\\int_0^1 x^2 \\, dx$ and simplify \\frac{a}{b}."),
    (Math, "A train leaves at 9:00 and travels 240 miles at 60 miles per hour. How long does it take?"),
    (Math, "Berechne den Flächeninhalt eines Kreises mit Radius 4 cm."),
    (Math, "Calcule la dérivée de f(x) = x^3 + 2x."),
    (Math, "计算：如果一个长方形长 8 厘米，宽 5 厘米，面积是多少？"),
    (
        Extraction,
        "Extract all names, dates and amounts from the following invoice and return them as JSON:\nInvoice 4711, ACME Ltd, 3 March 2024, total 1,299.00 EUR",
    ),
    (Extraction, "Pull out every email address in this message: contact bob@example.com or amy@example.org."),
    (Extraction, "List all the names mentioned in the following text. Anna met Peter in Rome."),
    (Extraction, "Extrahiere alle Firmennamen aus dem folgenden Text: Siemens und BASF melden Gewinne."),
    (Extraction, "Extrae los nombres y las fechas del siguiente texto: Ana nació el 3 de mayo de 1990."),
    (Extraction, "从下面的文本中提取所有人名：张三和李四在北京开会。"),
    (
        Classification,
        "Classify the sentiment of this review as positive or negative: The battery died after a week.",
    ),
    (Classification, "Is this spam or not? Answer yes or no.\n\nYou have won a free cruise, click here!"),
    (
        Classification,
        "Which category does this ticket belong to: billing, technical, other? 'My card was charged twice.'",
    ),
    (
        Classification,
        "Label each sentence with one of the following labels: fact, opinion.\n1. Water boils at 100 degrees.\n2. Tea is lovely.",
    ),
    (Classification, "Klassifiziere die folgende Rezension als positiv oder negativ: Das Essen war kalt."),
    (
        Classification,
        "Определите тональность отзыва: положительная или отрицательная. «Очень медленная доставка».",
    ),
    (
        Summarisation,
        "Summarise the following article in three sentences.\n\nThe city council decided on Monday to renew the cycle paths along the river.",
    ),
    (
        Summarisation,
        "TL;DR please:\nWe met on Tuesday to talk about the move. Everyone agreed that boxes are needed.",
    ),
    (
        Summarisation,
        "Give me the key points of this meeting transcript.\nAnn: we ship on Friday. Bob: I still need the numbers.",
    ),
    (Summarisation, "Fasse den folgenden Text zusammen: Die Stadt erneuert die Radwege entlang des Flusses."),
    (Summarisation, "Résume ce texte en deux phrases : la ville va rénover les pistes cyclables."),
    (Summarisation, "请总结下面的文章：市政府决定更新沿河的自行车道。"),
    (Translation, "Translate the following sentence into French: The weather is lovely today."),
    (Translation, "How do you say 'good luck' in Japanese?"),
    (Translation, "Übersetze ins Englische: Der Zug hat heute Verspätung."),
    (Translation, "Traduis en anglais : je voudrais une table près de la fenêtre."),
    (Translation, "Traduce al inglés: Me gustaría reservar una habitación."),
    (Translation, "Переведи на английский: Сегодня хорошая погода."),
    (Translation, "请把这句话翻译成英文：今天天气很好。"),
    (Translation, "次の文を英語に翻訳してください：今日は天気がいいです。"),
    (Knowledge, "What is the capital of Australia?"),
    (Knowledge, "Who wrote The Brothers Karamazov?"),
    (Knowledge, "When did the Berlin Wall fall?"),
    (Knowledge, "Explain the concept of photosynthesis."),
    (Knowledge, "What is the difference between weather and climate?"),
    (
        Knowledge,
        "Which of the following is a noble gas?\nA. Oxygen\nB. Neon\nC. Chlorine\nD. Sulfur\nAnswer:",
    ),
    (Knowledge, "How many people live in Germany?"),
    (Knowledge, "Was ist die Hauptstadt von Kanada?"),
    (Knowledge, "¿Quién escribió Don Quijote?"),
    (Knowledge, "Кто такой Гагарин и когда он полетел в космос?"),
    (Knowledge, "什么是光合作用？"),
    (
        Reasoning,
        "If all bloops are razzies and all razzies are lazzies, what can we conclude about bloops? Think step by step.",
    ),
    (
        Reasoning,
        "Here is a riddle: a man says 'brothers and sisters I have none, but that man's father is my father's son'. Deduce who it is.",
    ),
    (Reasoning, "What are the trade-offs of moving our office to the suburbs? Recommend one of the options."),
    (Reasoning, "Tom is taller than Ann, Ann is taller than Bob. Suppose Bob grows. What must be true?"),
    (Reasoning, "Ein Rätsel: Drei Schalter, eine Lampe. Denk Schritt für Schritt."),
    (Creative, "Write a poem about the sea in autumn."),
    (Creative, "Pretend you are a pirate and tell me a story about lost treasure."),
    (Creative, "Give me five slogans for a bakery that opens at midnight."),
    (Creative, "Compose an engaging travel blog post about a recent trip to Hawaii."),
    (Creative, "Write an email to my neighbour inviting her to my birthday party."),
    (Creative, "Schreibe ein Gedicht über den Winter."),
    (Creative, "Écris une histoire courte sur un dragon timide."),
    (Creative, "写一首诗，主题是秋天的海。"),
    (Other, "hello"),
    (Other, "ok thanks"),
    (Other, ""),
    (Other, "asdf qwer zxcv"),
];

#[test]
fn labelled_prompts_get_their_class() {
    let wrong: Vec<_> = LABELLED
        .iter()
        .map(|(label, prompt)| (label, plain(prompt), prompt))
        .filter(|(label, analysis, _)| analysis.task != **label)
        .map(|(label, analysis, prompt)| format!("{label:?} read as {:?}: {prompt}", analysis.task))
        .collect();
    assert!(wrong.is_empty(), "{} of {}\n{}", wrong.len(), LABELLED.len(), wrong.join("\n"));
}

#[test]
fn confidence_is_a_share_and_zero_without_a_class() {
    for (_, prompt) in LABELLED {
        let analysis = plain(prompt);
        assert!((0.0..=1.0).contains(&analysis.task_confidence));
        assert_eq!(analysis.task == Other, analysis.task_confidence == 0.0, "{prompt}");
    }
}

#[test]
fn contradicting_signs_are_no_class() {
    assert_eq!(plain("a poem, translate, native speaker").task, Other);
}

#[test]
fn the_same_features_give_the_same_analysis_also_after_storage() {
    for (_, prompt) in LABELLED {
        let features = extract(&view("Answer politely.", vec![user(prompt)]));
        let stored = serde_json::to_string(&features).unwrap();
        let again: Features = serde_json::from_str(&stored).unwrap();
        assert_eq!(again, features);
        assert_eq!(understand(&again), understand(&features));
        assert!(!stored.contains('.'), "integers only: {stored}");
    }
}

#[test]
fn features_of_version_1_can_still_be_read() {
    let mut stored = serde_json::to_value(extract(&view("", vec![user("Translate this.")]))).unwrap();
    let cues = serde_json::json!([0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    stored["version"] = 1.into();
    (stored["prompt_cues"], stored["system_cues"]) = (cues.clone(), cues);
    stored.as_object_mut().unwrap().remove("ask_cues");
    for newer in ["given", "ask_tongue", "given_tongue", "capitals", "first_cue"] {
        stored["prompt"].as_object_mut().unwrap().remove(newer);
    }
    let features: Features = serde_json::from_value(stored).unwrap();
    assert_eq!((features.version, features.prompt_cues.0[5]), (1, 8));
    let too_many: Result<Cues, _> = serde_json::from_value(vec![0; 64].into());
    assert!(too_many.unwrap_err().to_string().contains("64 cues"));
}

#[test]
fn the_material_says_little() {
    let complaint = "The translation of your poem was late, and the summary of the code has a bug.";
    for (label, ask) in [
        (Translation, "Put this in French"),
        (Classification, "Urgent or not urgent? One word"),
        (Summarisation, "TL;DR for my boss"),
        (Extraction, "List all the names as a table"),
    ] {
        for prompt in [
            format!("{ask}: {complaint}"),
            format!("{ask}: \"{complaint}\""),
            format!("{ask}, that is all I need today.\n\n{}", complaint.repeat(5)),
            format!("\"{complaint}\"\n\n{ask}"),
        ] {
            assert_eq!(plain(&prompt).task, label, "{prompt}");
        }
    }
    let german = "Wir haben das Paket nicht bekommen, und der Fahrer ist auch nicht mit der Sendung da.";
    assert_eq!(
        plain(&format!("My neighbour left me this note on the door, and I really have no idea:\n\n{german}"))
            .task,
        Translation
    );
}

#[test]
fn tools_offered_make_an_agent_of_things_to_do_only() {
    let with_tools = |prompt| {
        let mut offered = view("", vec![user(prompt)]);
        offered.tools = tools(4);
        of(&offered).task
    };
    for (label, prompt) in [
        (Agent, "Cancel my 3 pm, tell Ann, and book the small room for Friday instead."),
        (Agent, "Storniere das Hotel und schick Anna Bescheid."),
        (Translation, "Translate to French: the printer is broken"),
        (Math, "What is 15% of 2,300 plus 40?"),
        (Creative, "Write a poem about the sea in autumn."),
    ] {
        assert_eq!(with_tools(prompt), label, "{prompt}");
    }
}

/// Changes that leave the work as it is.
fn disguises(prompt: &str) -> Vec<String> {
    let filler = "By the way, I had coffee this morning and the sky was grey over the harbour. ".repeat(20);
    vec![
        format!("Hello! I hope you are well. Could you please help me with this? {prompt}"),
        format!("{prompt}\n\nThank you very much in advance, I really appreciate your kind help!"),
        format!("{filler}\n{prompt}"),
        format!("{prompt}\n{filler}"),
        prompt.to_uppercase(),
        format!("   \n\n{prompt}  \n\n\n"),
    ]
}

#[test]
fn complexity_ignores_politeness_filler_and_system_texts() {
    let system =
        "You are a careful assistant. You must analyse and compare everything first, then prove it. "
            .repeat(900);
    for (_, prompt) in LABELLED {
        let score = plain(prompt).complexity.score;
        for disguise in disguises(prompt) {
            let moved = plain(&disguise).complexity.score - score;
            assert!(moved.abs() <= 0.1, "{moved} by {disguise}");
        }
        let wrapped = of(&view(&system, vec![user(prompt)])).complexity.score;
        assert!((wrapped - score).abs() <= 0.1, "{prompt}");
    }
}

#[test]
fn complexity_rises_with_the_work() {
    let rising = [
        "Hi",
        "What is 17 * 23?",
        "Compare quicksort and mergesort in detail and justify which is better for nearly sorted input.",
        "Design a distributed lock service. First analyse the failure modes, then prove that at most one client holds \
         the lock. It must survive network partitions, must not need synchronised clocks, and exactly one round trip is \
         allowed in the common case. Compare the trade-offs with Raft and derive its time complexity.",
    ];
    let scores = rising.map(|prompt| plain(prompt).complexity.score);
    assert!(scores.is_sorted_by(|a, b| a + 0.02 < *b), "{scores:?}");
    assert!(scores[0] < 0.02 && scores[3] > 0.5, "{scores:?}");
}

#[test]
fn complexity_is_the_sum_of_its_parts() {
    for (_, prompt) in LABELLED {
        let complexity = plain(prompt).complexity;
        let sum: f32 = complexity.parts.iter().map(|part| part.value).sum();
        assert_eq!(complexity.score, sum.min(1.0));
        assert!(complexity.parts.iter().all(|part| part.value >= 0.0));
    }
}

#[test]
fn an_agents_loop_is_agent_work_whatever_the_text_says() {
    let ask = "Translate the README into French and summarise the source code.";
    let mut looping = view("", vec![user(ask), call(), result("fn main() {}")]);
    looping.tools = tools(2);
    assert_eq!((of(&looping).task, of(&looping).step), (Agent, AgentStep::ToolResult));

    let mut offered = view("", vec![user("What is the weather like?")]);
    offered.tools = tools(12);
    assert_eq!((of(&offered).task, of(&offered).step), (Agent, AgentStep::Plan));

    let mut one_tool = view("", vec![user("Write a function in Python that sorts a list.")]);
    one_tool.tools = tools(1);
    assert_eq!((of(&one_tool).task, of(&one_tool).step), (Code, AgentStep::Plan));

    let mut after = view("", vec![user(ask), call(), result("fn main() {}"), user("and now?")]);
    after.tools = tools(2);
    assert_eq!((of(&after).task, of(&after).step), (Agent, AgentStep::Synthesis));

    // A call that must be made is one wherever it stands; a result is a result.
    (one_tool.demands_call, after.demands_call, looping.demands_call) = (true, true, true);
    assert_eq!((of(&one_tool).task, of(&one_tool).step), (Code, AgentStep::ToolCall));
    assert_eq!(of(&after).step, AgentStep::ToolCall);
    assert_eq!(of(&looping).step, AgentStep::ToolResult);
}

#[test]
fn results_in_a_users_turn_are_a_tool_step() {
    let parts = vec![
        Part::ToolResult { text: "42", is_error: true },
        Part::Text("<system-reminder>x</system-reminder>"),
    ];
    let looping = view("", vec![user("Fix the bug"), call(), Turn { role: Role::User, parts }]);
    let features = extract(&looping);
    assert_eq!(understand(&features).step, AgentStep::ToolResult);
    assert_eq!((features.talk.user_turns, features.talk.tool_errors), (1, 1));
    assert_eq!(features.prompt.bytes, "Fix the bug".len() as u32);
}

#[test]
fn errands_beside_a_conversation_are_side_calls() {
    let title = view("Generate a concise title for this chat.", vec![user("My bike has a flat tyre.")]);
    assert_eq!(of(&title).step, AgentStep::SideCall);
    assert_eq!(plain("My bike has a flat tyre.").step, AgentStep::None);
}

#[test]
fn a_schema_alone_means_extraction_unless_the_text_speaks() {
    let mut shaped = view("", vec![user("Bob is 31")]);
    shaped.schema_bytes = 400;
    assert_eq!(of(&shaped).task, Extraction);
    shaped.turns = vec![user("Classify the sentiment of this review: lovely.")];
    assert_eq!(of(&shaped).task, Classification);
    shaped.turns = vec![user("Solve the equation 8x + 7 = -23, showing each step.")];
    assert_eq!(of(&shaped).task, Math);
}

#[test]
fn a_system_text_gives_the_class_when_the_turn_has_none() {
    let translator =
        view("You are a translator. Translate everything into German.", vec![user("The cat sleeps.")]);
    assert_eq!(of(&translator).task, Translation);
}

#[test]
fn what_the_rules_cannot_read_is_unfamiliar() {
    let unread = [
        "",
        "今日は天気がいいです。次の文を英語に翻訳してください。",
        "Переведи на английский: Сегодня хорошая погода.",
        "ما هي عاصمة فرنسا؟",
        "Proszę przetłumaczyć ten tekst jak najszybciej ponieważ jutro rano mamy ważne spotkanie rodzinne",
    ];
    for prompt in unread {
        assert!(plain(prompt).unfamiliar, "{prompt}");
    }
    let read = [
        "What is the capital of Australia?",
        "Fasse den folgenden Text in drei Sätzen zusammen, bitte. Die Radwege werden ab Montag erneuert und die Stadt zahlt.",
        "3 + 4",
        "What does 'привет' mean in English, and where does the word come from?",
    ];
    for prompt in read {
        assert!(!plain(prompt).unfamiliar, "{prompt}");
    }
    let picture =
        Turn { role: Role::User, parts: vec![Part::Text("What is in this image?"), Part::Image(90_000)] };
    assert!(of(&view("", vec![picture])).unfamiliar);
}

#[test]
fn input_tokens_are_near_what_vocabularies_count() {
    // Counts by OpenAI's cl100k and o200k vocabularies.
    let german = "Fasse den folgenden Text in drei Sätzen zusammen. Die Stadtverwaltung hat am Montag beschlossen, die \
        Fahrradwege entlang des Flusses zu erneuern. Die Arbeiten sollen im Frühjahr beginnen und etwa sechs Monate \
        dauern. Anwohner äußerten sich überwiegend positiv, kritisierten jedoch die fehlenden Parkplätze.";
    let chinese = "请把下面的文章翻译成英文。市政府星期一决定更新沿河的自行车道。工程将于春季开始，大约持续六个月。\
        居民大多表示支持，但也批评停车位不足。请注意保持原文的语气。";
    for (text, range) in [(german, 60..=100), (chinese, 57..=97)] {
        let tokens = plain(text).input_tokens;
        assert!(range.contains(&tokens), "{tokens}: {text}");
    }
}

#[test]
fn media_count_by_allowance_and_not_by_bytes() {
    let picture = |bytes| Turn { role: Role::User, parts: vec![Part::Text("hi"), Part::Image(bytes)] };
    let [small, large] = [100, 5_000_000].map(|bytes| of(&view("", vec![picture(bytes)])).input_tokens);
    assert_eq!(small, large);
    assert!((1000..1020).contains(&small));
    let strange = Turn { role: Role::User, parts: vec![Part::Unknown(5_000_000)] };
    assert!(of(&view("", vec![strange])).input_tokens < 5000);
}

#[test]
fn a_huge_text_is_estimated_from_its_mixture() {
    let page = "All work and no play makes Jack a dull boy. ";
    let [one, many] = [100, 100_000].map(|times| plain(&page.repeat(times)).input_tokens);
    let ratio = f64::from(many) / f64::from(one);
    assert!((990.0..1010.0).contains(&ratio), "{ratio}");
}

#[test]
fn output_tokens_follow_the_class_the_wish_and_the_cap() {
    let answer = |prompt| plain(prompt).output_tokens;
    assert!(answer("Classify the sentiment of this review as positive or negative: bad") < 50);
    assert!(answer("Write a poem about the sea in autumn.") > 200);
    assert_eq!(answer("Write a 1,000-word essay about the sea."), 1400);
    assert!(answer("What is the capital of Australia? Reply with only the name.") <= 30);
    let mut capped = view("", vec![user("Write a poem about the sea in autumn.")]);
    capped.request.max_output_tokens = Some(16);
    assert_eq!(of(&capped).output_tokens, 16);
    capped.request.max_output_tokens = None;
    capped.request.needs = Capabilities::THINKING;
    assert!(of(&capped).output_tokens > answer("Write a poem about the sea in autumn.") + 400);
}

#[test]
fn windows_cut_between_characters_and_see_both_ends() {
    let long = format!("Übersetze ins Englische. {} 翻译", "äöü漢字🙂".repeat(2000));
    assert_eq!(plain(&long).task, Translation);
    for offset in 0..8 {
        let shifted = format!("{}{}", "x".repeat(offset), "漢🙂é".repeat(1000));
        assert!(plain(&shifted).unfamiliar);
        of(&view(&shifted, vec![user(&shifted)]));
    }
}

#[test]
fn politeness_does_not_change_the_class() {
    for (label, prompt) in LABELLED.iter().filter(|(label, _)| *label != Other) {
        for disguise in &disguises(prompt)[..2] {
            assert_eq!(plain(disguise).task, *label, "{disguise}");
        }
    }
}

proptest! {
    #[test]
    fn any_text_is_survived_in_any_place(
        texts in prop::collection::vec("(?s).{0,40}|[ -~]{0,60}|[0-9a-z()+*/=?`\\\\\n -]{0,60}", 1..6),
        stretch in 1_usize..200,
    ) {
        let long = texts.concat().repeat(stretch);
        let mut parts: Vec<_> = texts.iter().map(|text| Part::Text(text)).collect();
        parts.push(Part::Text(&long));
        let features = extract(&view(&long, vec![Turn { role: Role::User, parts }, result(&texts[0])]));
        let analysis = understand(&features);
        prop_assert!((0.0..=1.0).contains(&analysis.complexity.score));
        prop_assert!((0.0..=1.0).contains(&analysis.task_confidence));
        prop_assert!(analysis.input_tokens >= 1 && analysis.output_tokens >= 1);
        prop_assert_eq!(analysis, understand(&features));
    }
}
