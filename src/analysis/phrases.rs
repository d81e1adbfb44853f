//! The phrases themselves, with the cues they speak for and their points. A table to read and to extend, no rules.
//!
//! The points are set by hand: 1 weak, 2 fair, 4 strong. English first; other languages where a few phrases go far.
//! Written between bars; `*` at the end makes a stem; in scripts with case a phrase outside ASCII leaves out the letter
//! that may be a capital.

use super::cues::Cue::{
    self, Agent, Brief, Classification, Code, Constraint, Creative, Depth, Extraction, Knowledge, Math,
    Quantity, Reasoning, Side, Step, Summarisation, Translation,
};

/// Effects, then the phrases that have them. A phrase stands in one row only.
pub(super) const TABLE: &[(&[(Cue, u8)], &str)] = &[
    // Code
    (
        &[(Code, 4)],
        "write a function | write a program | write a script | write code | write a query | unit test |
         unit tests | unittest | stack trace | traceback | compile error | compiler error | segfault |
         null pointer | sql query | pull request | regular expression | regex | source code | code review |
         syntax error | typeerror | importerror | valueerror | keyerror | nullpointerexception |
         pytest | codebase | cargo test | npm install | rebase | git branch |
         git rebase | git commit | dockerfile | bash script | shell script | schreibe eine funktion |
         schreib eine funktion | schreibe ein programm | écris une fonction | écrire une fonction |
         escribe una función | escribe un programa | escreva uma função | scrivi una funzione |
         апиши функцию | апиши программу | апиши скрипт | 写一个函数 | 编写一个函数 | 写一段代码 | 代码 | 関数を書 | プログラム | コード |
         함수 | #include | console.log | public static | c++ program | this snippet",
    ),
    (
        &[(Code, 3)],
        "python | javascript | typescript | rust | golang | c++ | c# | java | kotlin | php | sql | postgres |
         postgresql | mysql | kubernetes | terraform | react | django | numpy | pandas | debug | bug |
         fix the bug | code | codes | function | funktion | programm | def | endpoint | html | css | bash |
         linux command | github | git | linter | fn | async | boilerplate",
    ),
    (
        &[(Code, 2)],
        "class | method | variable | array | loop | compile | compiles | library | script | program |
         framework | frontend | backend | deploy | server | database | group by | inner join | select distinct | import | return | string |
         json | yaml | api | module | package | repository | repo | docker | file | implement* | index |
         pointer | struct | parse | parser",
    ),
    (
        &[(Code, 4), (Depth, 2)],
        "refactor* | race condition | race conditions | deadlock | deadlocks | memory leak | concurrency |
         concurrent | thread-safe | lock-free | time complexity | dynamic programming | compiler |
         distributed lock | borrow checker | data structure | data structures | algorithm | algorithms |
         microservice* | sharding | schema migration",
    ),
    // Mathematics
    (
        &[(Math, 4)],
        "calculate | solve for | solve the equation | simplify the expression | factorise | factorize |
         greatest common divisor | least common multiple | square root | area of | perimeter | volume of |
         berechne | löse die gleichung | résous | calcule | calculer | calcula | resuelve la ecuación |
         ычисли | еши уравнение | 计算 | 求解 | 方程 | 計算 | 解いて | 계산",
    ),
    (
        &[(Math, 3)],
        "equation | equations | compute | arithmetic | algebra | geometry | polynomial | fraction |
         percentage of | gleichung | ecuación | équation | triangle | radius | hypotenuse | prime number |
         mean of | median of | remainder | divisible | interest rate | solve | sum of | product of",
    ),
    (
        &[(Math, 4), (Depth, 4)],
        "prove that | proof that | proof of | beweise | beweisen sie | démontre* | montrer que |
         demuestra que | окажи | 证明 | 証明 | derive the | induction",
    ),
    (
        &[(Math, 4), (Depth, 2)],
        "theorem | lemma | integral | integrate | derivative | differentiate | differential equation |
         eigenvalue | eigenvalues | matrix | matrices | determinant | modulo | probability | expected value |
         permutation* | combinatori* | converges | convergence | isomorphi* | abelian | topolog* |
         vector space | logarithm | trigonometr* | limit as",
    ),
    (
        &[(Quantity, 4)],
        "how many | how much | how far | how long | how old | what percentage | what percent | wie viele |
         wie viel | combien | cuántos | cuántas | cuánto | quantos | quanti | колько | 多少 | 几个 | いくつ | いくら |
         how tall | how big | how heavy | how fast | how often",
    ),
    (
        &[(Quantity, 2)],
        "in total | altogether | total | each | per | twice | half | times as | percent | difference |
         average | remaining | left | profit | cost | costs | price | dollars | cents | miles | hours |
         minutes | more than | as many | pro stück | insgesamt | au total | en total | сего | amount |
         together | times | combined | double | triple | less than | pounds | feet | inches | dozen |
         years old | total number",
    ),
    // Extraction
    (
        &[(Extraction, 4)],
        "extract | extract the | extract all | extrahiere | extrahieren | extrais | extraire | extrae |
         extraer | extraia | estrai | звлеки | 提取 | 抽出 | 추출 | pull out | named entities |
         list all the names | list every | find all mentions | parse the following | key-value pairs |
         convert the following text | as json | in json | into json | json object | json array | to json |
         als json | en json | into a table | as a csv | csv format | fill in the fields | structured data |
         json format",
    ),
    (
        &[(Extraction, 2)],
        "entities | fields | invoice | receipt | following text | following document | from the text |
         from this text | from the email | names and | phone number | email address | email addresses |
         dates | identify all | following email | given text | following passage | resume | table |
         identify the | following sentences | following records",
    ),
    // Classification
    (
        &[(Classification, 4)],
        "classify | classification | categorize | categorise | klassifiziere | ordne ein | classe ce |
         classifie | clasifica | classifique | classifica | лассифицируй | пределите тональность | 分类 | 分類 |
         분류 | positive or negative | positive, negative | positiv oder negativ | positif ou négatif |
         positivo o negativo | spam or | is this spam | sentiment | sentiment of | which category |
         label the | label each | one of the following labels | one of the following categories |
         on a scale of | rate the following | which of the following categories | true or false | toxic |
         intent of | answer yes or no | yes or no",
    ),
    (
        &[(Classification, 2)],
        "category | categories | label | labels | tone of | urgent | spam | intent | relevant or | neutral |
         moderation | kategorie | catégorie | categoría",
    ),
    // Summarisation
    (
        &[(Summarisation, 4)],
        "summar* | tl;dr | tldr | key points | main points | key takeaways | condense | abstract of |
         in a nutshell | shorten | boil down | bullet-point overview | fasse | zusammenfass* | zusammen |
         kürze | résume | résumer | résumé | resume el | resume este | resume esta | resumir | resumen |
         resuma | resumo | riassumi | riassunto | ратко | езюме | уммируй | ересказ | 总结 | 摘要 | 概括 | 要約 |
         まとめて | 요약 | meeting notes | minutes of the meeting | executive summary | recap",
    ),
    // Translation
    (
        &[(Translation, 4)],
        "translate | translate the | translate this | translation | translation of | translate into |
         into french | into german | into spanish | into english | into chinese | into japanese |
         into italian | into portuguese | into russian | to french | to german | to spanish | to english |
         to japanese | to italian | translator | übersetze* | übersetzung | ins deutsche | ins englische |
         auf englisch | auf deutsch | traduis | traduire | traduisez | traduction | en français |
         en anglais | traduce | traducir | traduzca | traducción | al inglés | al español | traduza |
         traduzir | para o inglês | traduci | traduzione | in inglese | еревед | еревод | а английский |
         а русский | 翻译 | 译成 | 翻譯 | 翻訳 | 訳して | 英語に | 번역 | how do you say | localize | localise |
         wie sagt man | comment dit-on",
    ),
    // Knowledge
    (
        &[(Knowledge, 4)],
        "what is the capital | capital of | who was | who is | who wrote | who invented | who discovered |
         who won | when was | when did | where is | in what year | in which year | what year | what causes |
         what does | what are the symptoms | tell me about | definition of | define | what happened |
         difference between | explain the concept | history of | which country | which city | which planet |
         which of the following | was ist | wer war | wer ist | wann wurde | hauptstadt | was bedeutet |
         wo liegt | erkläre | qu'est-ce que | qui a | qui est | quelle est la capitale | capitale de |
         expliquez | explique | explica | qué es | quién | cuál es la capital | cuándo | o que é | quem foi |
         cos'è | chi ha | то такое | то написал | огда | толица | бъясни | 什么是 | 是谁 | 首都 | 解释 | とは何 | 誰 |
         なぜ | 説明して | 수도 | 무엇",
    ),
    (
        &[(Knowledge, 2)],
        "what is | what are | what's | why do | why does | why is | how does | how do | explain | describe |
         meaning of | known as | refers to | according to | facts about | welche | welcher | wer | warum |
         wieso | quelle | quel | pourquoi | cuál | por qué | qual | очему | акой | 为什么 | photosynthesis |
         treaty | amendment | king | war | century | empire | novel | disease | which is | who are |
         what were | which of these",
    ),
    // Reasoning
    (
        &[(Reasoning, 4), (Depth, 2)],
        "logic puzzle | riddle | puzzle | deduce | what can we conclude | what follows | who is lying |
         knights and knaves | think step by step | let's think | reason step by step |
         step-by-step reasoning | trade-off | trade-offs | tradeoffs | pros and cons | root cause |
         decide whether | what would happen if | plan a | make a plan | strategy for | counterfactual |
         logically | schlussfolger* | rätsel | logik | denk schritt | schritt für schritt | étape par étape |
         énigme | raisonne | acertijo | paso a paso | razona | оловолом* | аг за шагом | огическ* | 推理 | 逻辑 |
         一步一步 | 論理 | ステップ | odd one out | scheduling problem |
         itinerary",
    ),
    (
        &[(Reasoning, 2)],
        "if all | all of the | therefore | conclude | assume | suppose | must be true | sits next to |
         taller than | older than | faster than | to the left of | to the right of | exactly one of |
         always lies | consider | implies | recommend | should we | should i | options | prioritise |
         prioritize | evaluate",
    ),
    // Creative
    (
        &[(Creative, 4)],
        "poem | haiku | sonnet | limerick | short story | write a story | story about | tell me a story |
         slogan | slogans | tagline | lyrics | song about | screenplay | dialogue between | role play |
         roleplay | role-play | pretend to be | pretend you are | pretend yourself | act as |
         take on the role | take on the persona | imagine you are | imagine yourself | assume the role |
         you are a pirate | blog post | write an essay | essay about |
         write an email | draft an email | draft a | compose | cover letter | product description |
         creative | fairy tale | joke | jokes | brainstorm | name ideas | write a letter | speech for |
         write a speech | fan fiction | character named | gedicht | geschichte über | erzähle |
         schreibe eine geschichte | werbespruch | poème | écris une histoire | histoire sur | slogan pour |
         poema | escribe un cuento | cuento sobre | escreva uma história | poesia | scrivi una storia |
         тихотворение | тихи | ассказ о | казку | 写一首诗 | 写一个故事 | 故事 | 诗 | 俳句 | 物語 | 詩を | 이야기 |
         opening paragraph | persuasive | metaphor* | rhyme | rhymes | the persona of",
    ),
    (
        &[(Creative, 2)],
        "story | write a | character | vivid | engaging | witty | funny | humorous | catchy |
         in the style of | invent | fictional | dragon | birthday | toast | tweet | caption | headline |
         rewrite | tone | speak like | proofread | grammatical | grammar",
    ),
    // Agents that speak in text
    (
        &[(Agent, 4)],
        "you are an agent | you have access to the following tools | you can use the following tools |
         autonomous agent | action input: | observation: | use the tools | available tools | call the tool |
         tool calls | browse to | take a screenshot",
    ),
    // Conditions on the answer
    (
        &[(Constraint, 2)],
        "must | must not | exactly | at least | at most | no more than | no fewer than | without using |
         do not | don't | ensure | make sure | only use | should not | each sentence | avoid | constraint |
         constraints | requirement | requirements | in the format | following format | strictly |
         under the condition | subject to | muss | müssen | genau | mindestens | höchstens | ohne | doit |
         au moins | exactement | sans utiliser | debe | al menos | exactamente | sin usar | deve | олжен |
         олжна | е менее | е более | 必须 | 至少 | 不超过 | 不要 | 必ず | 以内",
    ),
    (
        &[(Step, 2)],
        "step by step | first | first, | second, | third, | then | after that | finally | next, |
         afterwards | once done | in order | phase | zuerst | danach | anschließend | schließlich | d'abord |
         ensuite | puis | enfin | primero | luego | después | finalmente | начала | атем | 首先 | 然后 | 最后 |
         まず | 次に | 最後に",
    ),
    (
        &[(Depth, 3)],
        "analyse | analyze | analysis | compare | contrast | justify | critically | rigorous | rigorously |
         in depth | in-depth | comprehensive | thorough | thoroughly | detailed | architecture | design a |
         optimise | optimize | optimal | edge cases | failure modes | scalab* | implications | hypothesis |
         derive | prove | proof | research | nuanced | evaluate the | counterexample | trade off |
         low-latency | fault tolerance | fault-tolerant | consistency model | cryptograph* | quantum |
         statute | jurisdiction | differential diagnosis | analysiere | vergleiche | begründe | ausführlich |
         entwirf | analysez | comparez | analyse détaillée | justifiez | analiza | compara | justifica |
         analise | роанализир* | равни | основан | 分析 | 比较 | 比較 | 设计 | 設計 | 深入 | 详细",
    ),
    (
        &[(Brief, 4)],
        "one word | single word | in one sentence | one sentence | only the answer | just the answer |
         only the letter | answer only | only answer | reply with only | respond with only | briefly |
         in brief | short answer | be concise | no explanation | in einem satz | ein wort | nur die antwort |
         en une phrase | en un mot | en una frase | en una palabra | дним словом | 一句话 | 一言で |
         a number only | only a number | only the number | one line | answer with",
    ),
    (
        &[(Side, 4), (Summarisation, 4)],
        "conversation title | title for this conversation | title for the conversation |
         title for this chat | chat title | concise title | short title | generate a title | 3-5 word title |
         summarize this coding conversation | summarise this conversation | summarize this conversation |
         summarize the conversation so far | title that captures | thread title",
    ),
    (
        &[(Side, 4), (Classification, 4)],
        "isnewtopic | new conversation topic | command_injection_detected | is this command safe |
         policy_spec | safety check | next speaker | who should speak next",
    ),
    (
        &[(Side, 4)],
        "warmup | follow-up questions | search queries for | autocomplete suggestions | suggest 3 questions",
    ),
];

/// The phrases of one row.
pub(super) fn of_row(row: &'static str) -> impl Iterator<Item = &'static str> {
    row.split('|').map(str::trim)
}
