//! The phrases themselves, with the cues they speak for and their points. A table to read and to extend, no rules.
//!
//! The points are set by hand: 1 weak, 2 fair, 4 strong. English first; other languages where a few phrases go far.
//! Written between bars; `*` at the end makes a stem; in scripts with case a phrase outside ASCII leaves out the letter
//! that may be a capital.

use super::cues::Cue::{
    self, Act, Agent, Brief, Chat, Choice, Classification, Code, Constraint, Creative, Depth, Extraction, Given,
    Knowledge, Math, Polite, Quantity, Reasoning, Relation, Side, Step, Summarisation, Tongue, Translation,
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
        &[(Code, 1)],
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
         always lies | consider | implies | recommend | options | prioritise |
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
    // More ways to say the same, in more languages
    (
        &[(Code, 4)],
        "stack overflow error | vba | power query | jq | nginx | powershell | flexbox | goroutine* | scikit-learn |
         sklearn | pytorch | spring boot | stored procedure | t-sql | segmentation fault | xlookup | vlookup |
         sumifs | textsplit | cherry-pick | o(n) | o(1) | o(log n) | o(n^2) | dataframe | fastapi | next.js |
         node.js | github actions | gitlab-ci | docker compose | docker-compose | fehlermeldung | quellcode |
         excel formula | google sheets | awk | regexp | code snippet | merge conflict | unit-test* | crontab |
         systemd | xpath | graphql | makefile | sql-abfrage | requête sql | consulta sql | query sql |
         zapytanie sql | sql-запрос | sql sorgusu | código | 报错 | 脚本 | 正则 | 函数 | 関数 | スクリプト | クエリ | 正規表現 | 스크립트 |
         정규식 | 쿼리 | 코드 | функци | скрипт | كود | कोड | fonksiyon* | funkcj* | skrypt* | codice | bug in",
    ),
    (
        &[(Code, 3)],
        "excel | spreadsheet formula | formule excel | fórmula | grep | sed | curl | xargs | chmod | cron | maven |
         gradle | npm | yarn | pip | webpack | vite | vue | angular | svelte | flask | css grid | sqlite | mongodb |
         redis | kafka | helm | ansible | jenkins | gitlab | exception | exceptions | runtime error | tensorflow |
         keras | mutex | recursion | recursive | middleware | cors | jwt | oauth | rest api | grpc | websocket |
         cmake | gcc | arduino | esp32 | stdin | stdout | abfrage | skript | le code | fonction | función | função |
         funzione | functie | foutmelding | kod | エラー | 実装 | バグ | 에러 | 오류 | 구현 | 엑셀 | 数据库 | 线程 | 内存 | 编译 |
         hata veriyor | sorgu* | ошибк | код | запрос | programmier* | kompilier* | cpu | stack | refactoring |
         implementation | jvm | heap | sso | unix timestamp | .net | kubectl | pod | docker-container",
    ),
    (
        &[(Code, 3)],
        ".py | .js | .ts | .jsx | .tsx | .java | .cpp | .rs | .go | .yml | .yaml | .sh | .sql | .css | .ipynb |
         .vue | .php | .rb | .kt | .cs | .ps1 | .toml",
    ),
    (
        &[(Code, 1)],
        "formula | query | queries | commit | commits | branch | undefined | null | runtime | syntax | thread |
         threads | node | callback | await | selector | notebook | trigger | snippet | column | cell | sheet |
         pivot | log | logs | error | errors | requête | consulta | query's | boucle | bucle | base de datos |
         base de données | banco de dados | planilha | foglio | spalte | zelle | kolom | formel | 公式 | 接口 | 数式 |
         hata | błąd | arkusz | crash | crashes | config | linux | windows | macos | ssh | localhost | port |
         timeout | http | https | url | cache",
    ),
    (
        &[(Math, 4)],
        "whats left | what's left | the odds | odds of | odds that | likelihood that | work out how | % of |
         percent of | subtract | multiply | divided by | divide | squared | cubed | cube root | to the power of |
         decimal places | significant digits | rounded to | round to | weighted average | standard deviation |
         confidence interval | p-value | significance test | statistically significant | z-test | t-test |
         chi-square | binomial | poisson | normal distribution | compound interest | annuity | net present value |
         break-even | breakeven | quadratic | system of equations | simultaneous equations | roots of | inequality |
         limit of | sequence defined | finite group | dot product | show working | show your work |
         show the working | at random | gcd | lcm | natural numbers | real numbers | show that | hex to decimal |
         to decimal | in binary | to binary | octal | hexadecimal | minus | rechne | ausrechnen | berechnen |
         wahrscheinlichkeit | wie groß ist | zeige, dass | zeigen sie, dass | quadratwurzel | dreisatz | calculez |
         probabilité | montrez que | pourcentage | calcular | porcentaje | probabilidad | resuelve | demuestr* |
         porcentagem | probabilidade | resolva | prove que | juros | calcola | calcolare | percentuale |
         probabilità | dimostra | risolvi | equazione | bereken* | hoeveel | oblicz | policz | prawdopodobieństw* |
         udowodnij | rozwiąż | równani* | ычисл | осчита | ассчита | ероятност | окажите | ешите | равнени | 概率 |
         百分之 | 求证 | 积分 | 导数 | 算一下 | 求めよ | 確率 | 求めて | 因数分解 | 解け | 확률 | 방정식 | 구하시오 | 구하세요 | 구해 | 증명하 | احسب | معادلة |
         احتمال | गणना | समीकरण | ज्ञात | hesapla* | olasılı* | kanıtla* | denklem*",
    ),
    (
        &[(Math, 3)],
        "odds | percentage | per cent | average of | ratio | proportion | variance | regression | correlation |
         mortgage | loan | annual rate | interest | markup | discount | vat | angle | degrees | circle | rectangle |
         diameter | dice | coin | integer | integers | digits | primes | prime | vector | sequence | convert |
         decimal | add up | adds up | prozent | durchschnitt | mittelwert | bruch | wurzel | zinsen | dreieck |
         fläche | rabatt | mwst | moyenne | intérêts | remise | tva | racine | promedio | descuento | interés |
         raíz | média | desconto | raiz | sconto | radice | interessi | procent | gemiddelde | korting | btw |
         średnia | odsetki | роцент | редн | 平均 | 面积 | 面積 | 利率 | 利息 | 折扣 | 割合 | 合計 | 평균 | 넓이 | 이자 | نسبة | प्रतिशत |
         औसत | yüzde | ortalama | faiz | net of | gross | break even",
    ),
    (
        &[(Quantity, 4)],
        "how much is | how many of | wieviel | wie lange dauert | wie hoch | cuánta | quanto | quanta |
         quanti anni | ile | kaç | 几 | 一共 | 总共 | 何個 | 何円 | 何人 | 얼마 | 몇 | कितन | what fraction | what share |
         cheaper | what's the total | what is the total",
    ),
    (
        &[(Extraction, 4)],
        "pull the | pull all | pull every | pull all the | pull out the | get all the | all email addresses |
         all e-mail | every email | all the dates | all dates | all names | all the names | every name |
         every company | all companies | who is mentioned | is mentioned | are mentioned | mentioned in | named in |
         which companies | which people | which dates | which amounts | fill the form | fill in the form |
         fill in the | fill this | fill out | populate the | key: value | key-value | one per line | as csv |
         csv with | as tsv | tsv | as a table | table please | in a table | make a table | a table with |
         table with columns | schema: | as yaml | json with | return json | valid json | json only | grab the |
         grab all | scrape | tabulate | line items | extracted | extracting | extraction | output: | liste alle |
         alle namen | alle beträge | als tabelle | als csv | in eine tabelle | herausschreiben | rausschreiben |
         schreib raus | heraus | raus aus | entnimm | ausfüllen | extrahier* | relève* | repère* | en tableau |
         dans un tableau | sous forme de tableau | au format json | en csv | remplis | remplissez | récupère* |
         liste tous | liste toutes | extráe* | sácame | saca | en una tabla | rellena | rellenar | se mencionan |
         aparecen | todos los nombres | todas las fechas | extrai | extrair | preench* | numa tabela | em tabela |
         em uma tabela | todos os nomes | todas as datas | estrarre | elenca | elencami | in una tabella |
         in tabella | tira fuori | compila | in een tabel | vul in | wyciągnij | wypisz | wyodrębnij | w tabeli |
         ytągnij | ытащи | ыпиши | ыдели все | аполни | 整理成 | 列出 | 找出 | 摘出 | 抽取 | 提炼出 | 抜き出 | 書き出 | 表にして | リストアップ |
         一覧に | 뽑아 | 표로 | استخرج | निकाल | listele* | ayıkla* | tabloya | çıkar* | who's mentioned",
    ),
    (
        &[(Extraction, 2)],
        "list the | list all | list only | list each | schema | fields: | columns: | csv | serial number |
         order number | order numbers | invoice number | tracking number* | contact details | due date | parse out |
         felder | tabelle | rechnungsnummer | ansprechpartner | aus dem text | aus der mail | auflisten |
         numéro de | montants | enumera | tabla con | tabla | del siguiente | número de | liste | tabela |
         do texto | importi | dal testo | numero di | tabel | tabel met | wszystkie | таблиц | писок | 字段 | 表格 |
         項目 | 表に | 항목 | 목록 | 정리해 | جدول | من الرسالة | من النص | सूची | तालिका | attendees | participants |
         deadlines | amounts | what is the serial | mentions | stated in | items",
    ),
    (
        &[(Classification, 4)],
        "which genre | which department | which team does | which queue | which label | which tag | what category |
         what intent | what language is | which language is | tag this | tag each | sort these | sort this |
         sort each | sort them into | sort into | triage | spam or ham | is it spam | formal or informal |
         bug or feature | positive / negative | pos/neg | entailment | entail* | contradiction | assign one |
         assign each | pick one | pick the one | choose one of | choose from | one of: | one of these | fits best |
         best fits | best matches | which fits | only the word | just the word | just the label | only the label |
         only the category | just the category | only the name | label: | labels: | category: | categories: |
         intents | intent: | intent = | sarcas* | on-topic | off-topic | safe or unsafe | or safe | rate this |
         rate each | score this | score each | is this sentence | does this sentence | is this text |
         does this text | is this message | is this email | is this review | is this comment | is this a |
         fact or opinion | y/n | yes/no | a or b | a, b or | or neutral | phishing | multi-label | zero-shot |
         einordnen | ordne | zuordnen | kategorisier* | klassifizier* | welche kategorie | welche abteilung |
         welcher kategorie | gehört das | gehört dies | ja oder nein | dringend oder | spam oder | tonalität |
         beschwerde oder | nur den namen | nur das wort | nur die kategorie | nur ein wort | quelle catégorie |
         quel service | classez | catégorise* | oui ou non | urgent ou | vrai ou faux | quel ton | qué categoría |
         a qué departamento | clasificar | clasifíca* | categoriza | sí o no | urgente o | verdadero o falso |
         positiva o negativa | queja o | qual categoria | em qual categoria | classificar | sim ou não |
         urgente ou | verdadeiro ou falso | positivo ou negativo | reclamação ou | quale categoria | che categoria |
         classificare | sì o no | vero o | quale reparto | welke categorie | welke afdeling | ja of nee |
         formeel of | positief of negatief | classificeer | do jakiej kategorii | tak czy nie | tak/nie |
         sklasyfikuj | zaklasyfikuj | пределите язык | а или нет | ональност | тнеси | рочно или |
         пределите категорию | каком отделу | лассифици | 哪一类 | 属于哪 | 归类 | 正面还是负面 | 情感 | どれですか | 判定して | 感情 | どの部署 |
         振り分け | 一語で | 긍정 | 어느 부서 | 판단해 | 분류해 | 중 하나 | صنف | تصنيف | वर्गीकृत | श्रेणी | sınıflandır* |
         hangi kategori* | olumlu mu | hangi departman* | evet/hayır | acil mi | true/false | severity | p1, |
         which of the two | better, a or",
    ),
    (
        &[(Classification, 2)],
        "priority | genre | is it a | rating | ratings | tag | tags | escalate | formal | complaint |
         feature request | stimmung | kategorien | catégories | catégorie: | étiquette* | etiqueta* | categorias |
         categorie | atégori | атегори | 类别 | 标签 | 判断 | 是不是 | カテゴリ | 優先度 | 카테고리 | 라벨 | 스팸 | إيجابي | سلبي |
         सकारात्मक | нужно определить | urgency | topic of | vulnerable | same meaning | classes | bucket |
         relevant? | suspicious",
    ),
    (
        &[(Summarisation, 4)],
        "gist | bottom line | sum up | sum this up | sum it up | sum that up | key facts | three bullets |
         bullets on | bullets from | in bullets | into minutes | synopsis | cut this down | cut it down |
         cut down to | reduce to | reduce this | trim this | trim it | short version | shorter version |
         of the length | half the length | the highlights | the essentials | in a few words | what happens in |
         what's this about | what is this about | what it's about | what it is about | what did i miss |
         catch me up | up to speed | takeaways | takeaway | main idea | compress | distill | distil | brief me |
         in short | boil this down | boil it down | boils down | headline for | kurzfassung | in kürze |
         das wesentliche | auf den punkt | kernaussage* | kernpunkt* | stichpunkt* | worum geht | eindampfen |
         wichtigsten punkte | kürzer | kürzen | management-zusammenfassung | l'essentiel | synthèse | synthétis* |
         en bref | points clés | en quelques mots | raccourci* | compte rendu | compte-rendu | les grandes lignes |
         résum* | resúme* | en pocas palabras | lo esencial | puntos clave | puntos principales |
         lo más importante | síntesis | acorta* | resum* | em poucas palavras | pontos principais | pontos-chave |
         o essencial | encurt* | riassum* | sintesi | sintetizza* | in poche parole | punti chiave |
         punti principali | di una riga | in una riga | accorcia* | l'essenziale | samenvat* | vat dit |
         kort samen | in het kort | kernpunten | de kern | terugbrengen tot | hoofdpunten | belangrijkste punten |
         stresz* | streść | podsum* | w skrócie | skróć | najważniejsze | оротко | кратце | сновные мысли | ыжимк |
         ократи | лавное | чём тут речь | амое важное | özet* | kısaca | kısalt* | 概述 | 压缩成 | 缩短 | 要点 | 简述 | 归纳 |
         精简 | 浓缩 | 大意 | 提炼 | 短く | 縮めて | 手短に | かいつまんで | 一行で | 三行で | 一言でまとめ | 요점 | 한 줄로 | 줄여 | 핵심 | 간추려 | لخص | ملخص |
         تلخيص | باختصار | सारांश | संक्षेप | tl,dr | too long | drop the rest | the point of",
    ),
    (
        &[(Summarisation, 2)],
        "shorter | overview | highlights | bullets | bullet points | minutes: | words max | max words | lines max |
         at most three | kurz | ganz kurz | en une phrase: | en una línea | em uma linha | numa linha | en resumen |
         in breve | em resumo | em três | in drei sätzen | half a page | paragraph | short paragraph | 简单说 | 一句话说 |
         ポイント | 간단히 | 짧게 | कम शब्दों | kısa | essentials | in one line | one-liner | key point",
    ),
    (
        &[(Translation, 4)],
        "put this in | put this into | put it into | put it in | put that in | render the | render this |
         render it | source_lang | target_lang | src= | tgt= | bilingual | translated | translating |
         how would you say | how would i say | how do i say | how to say | what's the word for |
         in brazilian portuguese | to brazilian portuguese | japanese version | english version | german version |
         french version | spanish version | übertragen | dolmetsch* | ins polnische | ins französische |
         ins spanische | ins italienische | ins russische | ins türkische | ins niederländische | auf französisch |
         auf spanisch | auf italienisch | auf polnisch | auf türkisch | wie heißt das auf | mettre ça en |
         mets ça en | vers l'anglais | vers le français | en espagnol | en allemand | comment on dit |
         cómo se dice | cómo lo diría | cómo digo | pásalo al | al francés | al alemán | al italiano |
         al portugués | en inglés | al castellano | como se diz | passa pro | passa para o | pro português |
         para o português | pro inglês | para inglês | em inglês | para o espanhol | para o alemão | come si dice |
         in italiano | in francese | in tedesco | in spagnolo | vertaal* | vertaling | in het engels |
         in het nederlands | in het duits | naar het engels | naar het nederlands | naar het duits | hoe zeg je |
         przetłumacz* | tłumacz* | po angielsku | po polsku | po niemiecku | na angielski | na polski |
         na niemiecki | jak powiedzieć | о-английски | о-русски | о-немецки | а немецкий | а французский |
         а испанский | с английского | çevir* | tercüme | ingilizceye | türkçeye | almancaya | nasıl denir |
         nasıl söylenir | 翻成 | 译为 | 成英文 | 成中文 | 英译 | 怎么说 | 成日语 | 日本語にして | 日本語に | 英訳 | 和訳 | に訳 | 中国語に | 英語で何 |
         ドイツ語に | フランス語に | 韓国語に | 영어로 | 한국어로 | 일본어로 | 중국어로 | 독일어로 | ترجم | إلى الإنجليزية | إلى العربية |
         بالإنجليزية | अनुवाद | अंग्रेज़ी में | हिंदी में | into polish | into dutch | into turkish | into korean |
         into arabic | into ukrainian | into czech | into swedish | to polish | to dutch | to turkish |
         to portuguese | to chinese | to korean | to russian | to arabic | in plain german",
    ),
    (
        &[(Translation, 2)],
        "what does it say | what it says | what does this say | what they say | don't speak any | don't speak |
         can't read it | in english | in german | in french | in spanish | in polish | in dutch | in portuguese |
         in japanese | in chinese | in turkish | in russian | in korean | wording natural | native speaker |
         traduc* | tradu* | keigo | glossary | no clue what",
    ),
    (
        &[(Tongue, 2)],
        "english | french | german | spanish | italian | portuguese | russian | polish | dutch | turkish | chinese |
         mandarin | japanese | korean | arabic | hindi | swedish | danish | norwegian | finnish | czech | greek |
         hungarian | romanian | ukrainian | hebrew | thai | vietnamese | latin | englisch* | französisch* |
         spanisch* | italienisch* | polnisch* | russisch* | deutsch* | türkisch* | niederländisch* | anglais |
         français | allemand | espagnol | inglés | francés | alemán | español | inglês | francês | alemão |
         espanhol | português | inglese | francese | tedesco | spagnolo | italiano | engels | engelse | duits |
         frans | nederlands | spaans | angielsk* | polski | niemieck* | нглийск | емецк | усск | ранцузск | 英文 |
         英语 | 中文 | 法语 | 德语 | 日语 | 西班牙语 | 英語 | 日本語 | 中国語 | ドイツ語 | フランス語 | 영어 | 한국어 | 일본어 | ingilizce | türkçe |
         almanca | الإنجليزية | العربية | अंग्रेज़ी | हिंदी",
    ),
    (
        &[(Knowledge, 4)],
        "what's the difference | what is a | what is an | what's a | what is meant | stands for | stand for |
         where does | come from | who came up | how come | is it true that | rule of thumb | origin of |
         purpose of | explain the terms | explain what | explain how | explain why | largest | tallest | longest |
         oldest | unterschied zwischen | was heißt | wie funktioniert | wozu | erklär* | was sind | woher |
         wie lange muss | was versteht man | c'est quoi | différence entre | comment fonctionne | à quoi sert |
         d'où vient | que veut dire | qu'est-ce qu | qué significa | diferencia entre | cómo funciona |
         para qué sirve | qué son | cuáles son | explíc* | de dónde viene | o que significa | diferença entre |
         como funciona | para que serve | pra que serve | o que são | quais são | cosa significa | che cosa è |
         che cos'è | differenza tra | come funziona | a cosa serve | quali sono | spiega* | wat is | wat betekent |
         verschil tussen | hoe werkt | leg uit | wie was | co to | co znaczy | różnica między | różni się |
         jak działa | czym jest | wyjaśnij | na czym polega | ем отличается | азница между | то значит |
         ак работает | ткуда | то это | ак устроен | чём разница | 是什么 | 区别 | 什么意思 | 怎么回事 | 原理 | 有哪些 | 介绍一下 | 由来 |
         违い | 違い | 何ですか | どういう意味 | 仕組み | ありますか | とは | 차이 | 뭐야 | 무슨 뜻 | 원리 | 뭔가요 | 뭔지 | nedir | ne demek | farkı |
         nasıl çalış* | ما هو | ما هي | لماذا | الفرق | ما معنى | क्या है | क्यों | अंतर | quiz night |
         multiple choice | in layman's terms | eli5",
    ),
    (
        &[(Knowledge, 2)],
        "why | why are | why isn't | why doesn't | how is | is there a | what about | meant by | term | terms |
         principle | capital | wieso ist | welches | wann | seit wann | comment | quels sont | quelle est |
         quel est | quién es | cómo | cuándo se | por que | por quê | qual é | qual a | quando | perché | qual è |
         come mai | waarom | wanneer | welke | dlaczego | kto | kiedy | jak | ачем | очему так | ак называ | 为何 |
         如何 | 怎么 | 哪些 | 教えて | でしょうか | 왜 | 설명해 | 어떻게 | neden | kim | ne zaman | nasıl | متى | كيف | कैसे | कौन |
         मतलब | law | legal | legally | who said | invented",
    ),
    (
        &[(Reasoning, 4)],
        "who's where | who sits | sits | seated | what order | in which order | which order | who's right |
         who is right | who is telling | who's lying | hold up | holds up | does it follow | does that follow |
         valid argument | fallacy | work out who | work out which | work out what | best guess | clue | clues |
         rule out | ruled out | way out of | dilemma | recommendation | rationale | what would you do |
         rent or buy | buy or rent | what speaks for | speaks for and against | only solution |
         is there a solution | tells the truth | always tell | likely cause | most likely explanation |
         consistent with | prove you wrong | where's the flaw | flaw in | premise | figure out which |
         figure out who | figure out what | weigh up | weigh the | which option | which one should |
         which should i | does it make sense | is it worth | worth it | who may | who can | what's the catch |
         logic | logical | reihenfolge | was spricht | abwäg* | wer lügt | wer hat | knobel* | lohnt sich |
         lohnt es | sollen wir | sollten wir | soll ich | sollte ich | folgt daraus | dans quel ordre |
         louer ou acheter | faut-il | vaut-il mieux | vaut mieux | qui ment | que ferais-tu | que feriez-vous |
         déduis | en qué orden | quién miente | me conviene | nos conviene | conviene | qué harías | vale la pena |
         qué opción | quién tiene razón | em que ordem | em qual ordem | quem mente | dá tempo | o que você faria |
         compensa | qual opção | in che ordine | in quale ordine | chi mente | cosa faresti | chi ha ragione |
         in welke volgorde | wie liegt | wat zou jij | raadsel | w jakiej kolejności | kto kłamie | zagadka |
         czy warto | каком порядке | то лжёт | то врёт | тоит ли | агадк | ыгоднее | то прав | 怎么安排 | 顺序 | 谁说谎 |
         谁在说谎 | 该不该 | 应该选 | 矛盾 | 哪个方案 | 权衡 | 怎么选 | どう並べ | 順番 | 嘘 | どちらを選 | べきでしょう | べきか | 推測 | なぞなぞ | 割り当て | 순서 |
         거짓말 | 어느 쪽 | 해야 할까 | 추리 | 가능할까 | 따져 | hangi sıra* | kim yalan | mantık | bulmaca | değer mi | لغز |
         هل يجب | पहेली | तर्क | rota | swap shifts | everyone fits | how do we fit",
    ),
    (
        &[(Reasoning, 2)],
        "which one | decide | decision | schedule | timetable | conditions | seats | boxes | possible? | unique |
         argument | assumption* | assumptions | conclusion | scenario | plan for | planning | what if | better off |
         better choice | fair | allocate | bedingungen | entscheid* | entweder | plan | widerspruch | contraintes |
         condiciones | decidir | lógica | logica | meglio | beter | lepiej | лучше | условия | 条件 | 조건 | 논리 | 배치 |
         hangisi | 应该 | should | must be | cannot both | doesn't add up | explains | evidence",
    ),
    (
        &[(Relation, 1)],
        "next to | left of | right of | before | after | unless | only if | neither | either | both | none of |
         except | whenever | whoever | at the same time | older | younger | taller | between | opposite | may not |
         can't | cannot | if | only | never | always | nur wenn | nur | außer | weder | neben | wenn | sauf |
         seulement | ne peut | solo | salvo | antes de | nunca | excepto | só | apenas | antes | depois | tranne |
         prima | dopo | если | только | кроме | 如果 | 只能 | 不能 | 必须先 | のみ | できない | 以外 | 해야 | sadece | eğer | önce |
         sonra",
    ),
    (
        &[(Creative, 4)],
        "bedtime story | bedtime | monologue | skit | sketch for | a sketch | script for | radio ad | radio spot |
         ad copy | copy for | page copy | product copy | landing page | linkedin post | instagram post |
         facebook post | farewell | goodbye note | thank-you note | thank you note | thank-you card | eulogy |
         best man | toast for | greeting card | birthday card | out-of-office | out of office | job ad |
         job posting | press release | stay in character | in character | personas | make up a | come up with |
         names for | name for | excuse | pun | puns | a rap | verses | ballad | parody | satire | punchline |
         one-liner for | title ideas | titles for | reply to this | motto | mascot | wedding | an apology |
         apology to | email to | mail to | letter to | message to | love letter | dating profile | bio for |
         rhyming | write me a | invitation to | announcement for | forbidden_words | in the voice of |
         as if you were | dear santa | spruch | sprüche | reim | reime | trinkspruch | grußkarte | abschied* |
         glückwunsch* | geburtstag* | mail an | e-mail an | brief an | liebesbrief | werbetext | drehbuch |
         liedtext | stellenanzeige | märchen | erfinde | denk dir | schreib mir ein gedicht | einladung | rede für |
         witz | écris | écris-moi | rédige* | un petit mot | discours | carte pour | lettre à |
         lettre de motivation | chanson | conte | blague | accroche | scénario | pot de départ | anniversaire |
         vœux | escríbe* | redact* | guion | guión | carta a | carta para | cuento | canción | chiste | eslogan |
         felicitación | discurso | brindis | correo a | correo para | mensaje para | nombres para | cumpleaños |
         escreva um | escreva uma | escreve um | escreve uma | redija | crie um | crie uma | roteiro | conto |
         piada | legenda | convite | mensagem de | mensagem para | e-mail para | texto para | aniversário |
         scrivi un | scrivi una | scrivimi | racconto | favola | filastrocca | canzone | barzelletta | lettera di |
         lettera a | discorso | biglietto | auguri | copione | testo per | compleanno | schrijf een | verhaaltje |
         sinterklaas* | toespraak | liedje | bedenk | uitnodiging | brief aan | mail aan | kaartje | wiersz* |
         opowiadanie | bajk* | życzenia | przemówienie | wymyśl | żart | rymowank* | список поздравл | идумай |
         очини | оздравлени | песн | шутк | сценарий | анекдот | 小品 | 台词 | 文案 | 编一个 | 祝福 | 贺词 | 段子 | 演讲稿 | 致辞 | 剧本 |
         朋友圈 | 情书 | 口号 | 笑话 | 歌词 | 童话 | 写一封 | 写一篇 | 起个名字 | 小説 | 歌詞 | 台本 | 挨拶文 | キャッチコピー | 川柳 | 短歌 | スピーチ | 文面 |
         お祝い | セリフ | 문구 | 소설 | 동화 | 편지 | 축하 | 대본 | 삼행시 | 인사말 | 카피 | قصيدة | قصة | شعر | कविता | कहानी | भाषण |
         şiir* | hikaye* | hikâye | masal | davetiye* | mektup | fıkra | uydur* | write the error | tell the sales |
         poem for | caption for",
    ),
    (
        &[(Creative, 2)],
        "song | scene | chapter | plot | rap | verse | card | note for | a note | invitation | announcement |
         apology | speech | persona | warm | heartfelt | playful | cheesy | punchy | snappy | dry humour | tone: |
         tone of voice | sound like | sounds like | reword | rephrase | wording | put that so | linkedin | santa |
         christmas | title for | make it | marketing | brand | post | mail | letter | flyer | poster | banner |
         schreib | schreib mir | schreibe | formulier* | text für | lustig* | humorvoll | szene | lied |
         geschichte | anzeige | drôle | texte pour | annonce | histoire | invente | imagine | rédaction | escribe |
         historia | divertid* | gracios* | anuncio | escreva | escreve | história | engraçad* | anúncio | crie |
         scrivi | storia | annuncio | divertente | schrijf | verhaal | grappig* | tekst voor | napisz | list do |
         апиши | исьмо | речь | тост | 写一个 | 写个 | 写一段 | 作文 | 起名 | 書いて | 考えて | 手紙 | メッセージ | 써 줘 | 써줘 | 노래 | 광고 | 지어 |
         اكتب | लिख | yaz | konuşma | slogan bul | mesaj",
    ),
    (
        &[(Agent, 4)],
        "thought: | action: | scratchpad | next action | your command | objective: | [tools] | function_call |
         tool_call | use this format: | you control a | each turn you | final answer: | runbook |
         available functions | function signatures | reply with one command | one call per | next tool |
         next step: | ein aufruf pro | werkzeuge: | herramientas: | outils : | ferramentas: | strumenti: |
         инструменты: | 可用工具 | 工具： | 利用可能なツール | 사용 가능한 도구 | araçlar: | [your next | you have access to: |
         you have access to",
    ),
    (
        &[(Act, 3)],
        "book | book me | cancel | reschedule | check whether | check if | check that | send | send it | forward |
         notify | remind | ping | nudge | invite | assign | reassign | close all | close the | open the | open a |
         reopen | archive | delete | remove | move | move the | rename | upload | download | export | redeploy |
         roll back | rollback | restart | reboot | rerun | re-run | rerun the | run the | kick off | look up |
         find me | find all | find the | search for | search | pull up | update | update the | set the | set up |
         set it | reorder | order | buy | pay | renew | create a ticket | create a | create an | create | add |
         post it | put them | put it there | tell | let me know | when you're done | once that's done |
         if it fails | if it's still | if not, | close | merge | block | unblock | approve | reserve | register |
         log it | save it | mark | page | stop the | start the | fetch | dm me | cc | buche | buch | storniere |
         verschieb* | schick* | leite | informier* | benachrichtig* | erinner* | lösch* | starte | prüf* |
         schau nach | such | suche | finde | leg | lege | erstelle | aktualisier* | bestell* | setz | setze |
         bescheid | trag | trage | sag | häng | réserve* | annule* | envoie* | préviens | vérifie* | cherche* |
         trouve* | relance | supprime* | déplace* | crée | ajoute* | mets à jour | ouvre | ferme | lance |
         redémarre* | commande | transfère* | reserva | cancela | envía* | manda | avisa* | revisa | busca | borra |
         mueve | crea | añade | actualiza | abre | cierra | reinicia | comprueba | agenda | remarca | envia |
         verifica | procura | apaga | cria | adiciona | atualiza | fecha | marca | confere | prenota | annulla |
         invia | avvisa | controlla | cerca | trova | cancella | sposta | aggiungi | aggiorna | apri | chiudi |
         riavvia | fissa | boek | annuleer | stuur | zoek | controleer | verplaats | verwijder | zet | herstart |
         zarezerwuj | anuluj | wyślij | sprawdź | znajdź | usuń | przenieś | utwórz | dodaj | zaktualizuj |
         powiadom | uruchom | zamów | zamknij | otwórz | абронируй | тмени | тправь | роверь | айди | удали |
         перенеси | оздай | обавь | бнови | уведоми | апусти | ерезапусти | акажи | азначь | аздай | апомни |
         закрой | ткрой | 帮我订 | 取消 | 发送 | 发给 | 通知 | 查一下 | 检查 | 删除 | 重启 | 创建 | 更新 | 预订 | 提醒 | 查询 | 关闭 | 打开 | 予約 |
         キャンセル | 送って | 送信 | 確認して | 検索 | 削除 | 再起動 | 作成して | 登録 | 手配 | 調べて | 移動して | 예약 | 취소 | 보내 | 확인해 | 검색 | 삭제 |
         재시작 | 배포 | 업데이트 | 알려줘 | 등록 | 돌리고 | 찾아 | bul | gönder | iptal | kontrol et | sil | ekle | güncelle |
         oluştur | hatırlat* | başlat | kapat | taşı | احجز | أرسل | تحقق | ابحث | احذف | बुक | रद्द | भेज | खोज",
    ),
    (
        &[(Act, 1)],
        "slack | jira | confluence | ticket | tickets | calendar | channel | workspace | inbox | dashboard |
         staging | prod | production | crm | queue | backup | the file | folder | monday | tomorrow | kalender |
         morgen | calendario | agenda de | kanal | 频道 | 日历 | カレンダー | チャンネル | 채널 | takvim | алендар",
    ),
    (
        &[(Choice, 2)],
        "or | oder | ou | или | 还是 | または | それとも | 또는 | 아니면 | veya | yoksa | czy",
    ),
    (
        &[(Given, 2)],
        "below | the following | following | this text | this email | this mail | this message | this review |
         this ticket | this article | above | attached | quoted | here's | here is | these | folgende* | folgend* |
         diesen text | unten | hier ist | ci-dessous | suivant | suivante | ce texte | abajo | siguiente |
         siguientes | este texto | abaixo | seguinte | este e-mail | sotto | seguente | questo testo | hieronder |
         volgende | poniżej | następując* | иже | ледующ | 下面 | 以下 | 如下 | 次の | 下記 | 아래 | 다음 | aşağıdaki | التالي |
         नीचे | निम्न",
    ),
    (
        &[(Chat, 4)],
        "just testing | test test | testing testing | don't have a question | no question |
         don't have to do anything | nothing for you to do | no need to answer | no need to reply |
         don't need anything | don't need an answer | not asking for anything | just venting | just saying |
         just wanted to say | just wanted to tell | just wanted to share | lorem ipsum | never mind | nevermind |
         are you there | anyone there | you there? | is this thing on | that's all for | that's all for today |
         have a good weekend | have a nice | good night | brauchst nicht | keine antwort | nicht antworten |
         wollte nur | wollt nur | das war's | dampf abgelassen | nur mal so | bist du da | je voulais juste |
         pas besoin de répondre | c'est tout | rien de spécial | tu es là | no te pido | no hace falta que |
         solo quería | sólo quería | nada más que eso | me lees | estás ahí | só queria | não precisa | nada não |
         você está aí | tá aí | non ti chiedo | tutto qui | volevo solo | avevo solo | ci sei | zomaar |
         hoeft niet | ben je daar | nic nie | tylko chciał* | jesteś tam | росто хотел | ичего не нужно |
         е надо отвечать | ы тут | ы здесь | 没什么事 | 不用回 | 没事 | 只是想说 | 在吗 | 随便说说 | 特に用 | 返事はいりません | 返信不要 |
         聞いてほしかっただけ | いますか | 그냥 그렇다 | 답장 안 | 그냥 해본 | 있어? | sadece söyle* | cevap vermene gerek | orada mısın |
         going home now | log off | signing off | catch you later | see you tomorrow | talk tomorrow",
    ),
    (
        &[(Chat, 2)],
        "asdf | qwer* | hello? | hi there | hey there | go on | thanks! | perfect, | great, thanks | ok thanks |
         okay thanks | ok, | hmm | lol | haha | test | testing | ping? | danke dir | danke, | vielen dank |
         merci ! | gracias | obrigad* | grazie | bedankt | dzięki | пасибо | 谢谢 | 好的 | 嗯嗯 | 哈哈 | ありがとう | 了解 | ㅋㅋ |
         ㅎㅎ | 고마워 | 수고 | teşekkür* | شكرا | धन्यवाद",
    ),
    (
        &[(Constraint, 2)],
        "at the latest | may not exceed | no later than | spätestens | nicht mehr als | au plus | au maximum |
         como máximo | no más de | no máximo | al massimo | minstens | hoogstens | maksymalnie",
    ),
    (
        &[(Brief, 4)],
        "just the number | just the name | one per word | only the code | just the letter | in one word |
         con una parola | una parola sola | in één woord | jednym słowem | 한 단어로 | 一个词 | 只回答",
    ),
    (
        &[],
        "the translation | my translation | your translation | our translation | translation file |
         translation of our | the translation of our | the summary | my summary | your summary | our summary |
         summary page | summary stats | executive summary slide | the classification | classification policy |
         our classification | user story | user stories | story point | story points | the poem | the story |
         a poem has | your poem | my poem | error message | the code below explained | the label on |
         the labels on | shipping label | shipping labels | i translate for | write down | the slogan | our slogan |
         the extract | vanilla extract | bug report by | the code of conduct | dress code | zip code |
         country code | postal code | post code | area code | qr code | source of | die zusammenfassung |
         die übersetzung | la traduction | le résumé | la traducción | el resumen | a tradução | o resumo |
         la traduzione | il riassunto | de vertaling | de samenvatting | your story | short stories | ghost story |
         email address of | out of the blue | make sure it | birthday party | gift card | credit card | debit card |
         business card | sim card | badge card | id card | math teacher | history of our | the table is |
         tables and chairs | pub quiz night",
    ),
    (
        &[(Math, 4)],
        "cagr | mean and median | eigenwert* | eigenvektor* | autovalor* | valeurs propres | valores propios |
         autovalori | critical points | log2 | ln( | sin( | cos( | sqrt( | =? | what each flat pays |
         what does each | my working | how long is the | depreciation | straight-line | pro rata | prorata |
         pro-rata | work out the | work out what each | per person and | per month and | in percent |
         what percentage of | sample size | margin of error | expected number | expected return | how many ways |
         in how many | bestimme die | löse | integriere | ableitung | nullstellen | kurvendiskussion | dérivée |
         intégrale | limite de | résoudre | derivada | límite de | hallar | halla | encontre o valor | derivata |
         integrale | pochodna | całka | роизводн | нтеграл | 求出 | 特征值 | 最大值 | 最小值 | 微分 | 積分 | 最大値 | 最小値 | 何パーセント |
         何通り | 미분 | 적분 | 몇 퍼센트 | türevi | integrali | مساحة | क्षेत्रफल | ब्याज",
    ),
    (
        &[(Extraction, 4)],
        "phone numbers | for each ticket: | for each of them: | for each: | list of { | array of { | three lists |
         two lists | give me a list | give me all | give me every | give me the names | all quantities | hashtags |
         tell me the final | parse these | parse this | from this: | from the cv | from the cv: | from this mail: |
         from this post | return the entities | entities as | named entity | who said what | line by line as |
         as rows | as key | into columns | into fields | split into | the fields | aus dem folgenden | als yaml |
         als liste | brauche ich als | welche beträge | welche namen | welche termine | alle termine |
         alle adressen | alle telefonnummern | alle rechnungs* | tous les montants | toutes les adresses |
         sors la liste | todos los datos | todas las direcciones | dame una lista | me dá uma lista |
         todos os valores | tutti gli importi | tutte le date | tutti i nomi | dammi un elenco | alle bedragen |
         geef een lijst | podaj wszystkie | се адреса | се номера | се компании | 所有金额 | 所有日期 | 姓名、 | 电话、 | 提取出 |
         すべて抜 | 名前と | 日付と | 金額と | 이름과 | 날짜와 | 금액을 | 전부 뽑 | الأسماء | tüm isim* | tüm tarih* | सभी नाम | null if |
         if missing | if not stated | leave blank | n/a if | leave it empty | exactly as written | verbatim",
    ),
    (
        &[(Classification, 4)],
        "reply with the queue | routing | ticket routing | queues: | grading | grade the | grade each | score 1 to |
         from 1 to 5 | from 1 to 10 | 1 to 5 | 1-5 | 1 to 10 | output the digit | digit only | would you call this |
         would you say this | would you file this | few-shot | => | relevance | grade 0 | which team's |
         or balanced | in favour of | output only the | answer with one of | answer with the | reply with one of |
         respond with one of | one of these: | pick from | choose the | select one | select the | choose between: |
         options: | which bucket | which class | which type of | what type of | what kind of | level of | polarity |
         stance | emotion | hate speech | is this about | should this be | does this belong |
         where does this belong | belongs to | fällt das unter | handelt es sich um | ist das ein | ist das eine |
         ist diese | ist dieser | einstufen | bewerte | est-ce un | est-ce une | s'agit-il | de quel type |
         à quelle | quelle étiquette | es esto | se trata de | qué tipo de | de qué tipo | é um | é uma | isto é |
         que tipo de | di che tipo | che tipo di | si tratta di | is dit een | wat voor soort | jaki to |
         czy to jest | это жалоба | какой тип | какого типа | тип обращения | 属于 | 哪种 | 哪个类别 | 是正面 | 评分 | 打分 |
         のうちどれ | どれに | どちらか | 分けて | 分類して | 評価して | 구분해 | 인지 | 어디에 해당 | 점수 | hangisine | ne tür | türü | أي فئة |
         किस श्रेणी | किस प्रकार",
    ),
    (
        &[(Summarisation, 4)],
        "in zwei sätzen | was wollen die | was will der | was wollen sie von | fits on a | version that fits |
         two sentences | three sentences | in two lines | two lines | three lines | four lines | 4 lines | 3 lines |
         5 lines | no jargon | what happened tonight | don't want to read | won't read | will not read |
         read all of it | read all this | no time to read | haven't time to read | what do people like |
         what matters | need to know | what i need to know | the important bits | important parts | main message |
         main takeaway | key message | key messages | in plain terms what | give me the short | as release notes |
         into release notes | as a headline | mais curto | duas linhas | três linhas | uma frase | más corto |
         dos líneas | tres líneas | dos frases | una frase | plus court | deux lignes | trois lignes |
         deux phrases | une phrase | più breve | più corto | due righe | tre righe | due frasi | una frase sola |
         twee zinnen | twee regels | drie zinnen | korter | korte versie | dwa zdania | dwóch zdaniach |
         trzech zdaniach | krócej | двух словах | двух предложени | трёх предложени | ороче | 三句话 | 两句话 | 一段话 | 简短 |
         一文で | 二文で | 三文で | 二行で | 100字以内 | 字以内 | 한 문장 | 두 문장 | 세 문장 | 세 줄 | 두 줄 | bir cümle | iki cümle | üç cümle |
         في جملة | في جملتين | في سطر | दो वाक्य | एक वाक्य | तीन वाक्य",
    ),
    (
        &[(Translation, 4)],
        "türkçesi | ingilizcesi | almancası | word for word | in european spanish | in british english |
         in mexican spanish | in simplified chinese | the comments in english | like it in english |
         need it in english | need this in | need it in | english → | german → | into european | en → | de → |
         fr → | auf deutsch bitte | ins schwedische | ins dänische | ins tschechische | ins ukrainische |
         ins portugiesische | en version anglaise | version anglaise | version française | versión inglesa |
         versión en inglés | versão inglesa | versione inglese | versione italiana | engelse versie |
         nederlandse versie | wersja angielska | wersję angielską | нглийскую версию | по английски | 英語版 | 日本語訳 |
         英文版 | 中文版 | 영문 | 번역본 | locali* the | what does it say in | what this says | understand this letter |
         subtitle* | transcreat* | interpret for | language pair | mt output | post-edit*",
    ),
    (
        &[(Knowledge, 4)],
        "even allowed | dumb question | stupid question | is it the same | what happens when | what happens if |
         what happens physically | allowed under | like to understand | want to understand | trying to understand |
         help me understand | i wonder | i was wondering | wondering why | ever wondered | was invented |
         in simple words | in simple terms | for beginners | subject-matter tutor | tutor | how exactly does |
         how exactly do | verstehen | stimmt es | würde gern wissen | comprendre | est-ce vrai | savoir si |
         je me demande | entender | es verdad | quisiera saber | me pregunto | é verdade | queria saber |
         gostaria de saber | è vero che | ha ragione | vorrei capire | mi chiedo | snap niet | begrijpen |
         ik vraag me af | czy to prawda | chciał* zrozumieć | zastanawiam | онять | равда ли | хотел бы узнать |
         нтересно | 想知道 | 请问 | 想了解 | 为啥 | 到底 | 知りたい | 本当ですか | なんで | 헷갈려 | 궁금 | 건가요 | 있는지 | 이유가 | merak ediyorum |
         doğru mu | هل صحيح | هل يمكن | क्या यह सच | जानना चाहता",
    ),
    (
        &[(Reasoning, 4)],
        "who is who | think this through | think it through | think through | help me think | choose between |
         decide between | choosing between | choisir entre | elegir entre | escolher entre | scegliere tra |
         scegliere fra | kiezen tussen | wybrać między | ыбрать между | entscheiden zwischen | brain teaser |
         brainteaser | casse-tête | denksport* | rompicapo | quebra-cabeça | adivinanza | łamigłówk* | whodunit |
         who did it | plot hole | seating plan | should we | should i | fox goose | river crossing | yalancı |
         doğru söyl* | 谁是谁 | 推理过程 | 推出 | 谁在 | 谁先 | 誰が犯人 | 誰が嘘 | 正直者 | どちらがいい | 누가 | 범인 | 누구일까 | wie finde ich raus |
         wie finde ich heraus | welcher schalter | drei schalter | three switches | light bulb | can it be |
         could it be that | must it be | is it possible that | is it possible to | does that mean | does this mean |
         what has to | what would have to | how can that be | how is that possible | kann das stimmen |
         wie kann das sein | wer war es | was tun | est-ce possible | comment est-ce possible | qui est qui |
         qui a mangé | quién es quién | es posible que | cómo es posible | quem é quem | é possível que |
         chi è chi | è possibile che | wie is wie | kto jest kim | то есть кто | ак такое возможно | озможно ли |
         kim kim | mümkün mü | ممكن أن | क्या यह संभव | trade off between | cost of waiting | worst case |
         first principles | sanity check my reasoning | reasoning",
    ),
    (
        &[(Creative, 4)],
        "naming the | 15 names | 10 names | ten names | five names | some names | a name for | name ideas for |
         roast my | roast | as if a | as if it were | cold email | outreach | draft step | continue this |
         continue the story | same voice | town crier | medieval | sample tweets | tweets | as a pirate |
         like a pirate | shakespeare* | noir | alter ego | キャラ設定 | キャラ | ネーミング | 続きを書 | 商品名 | 名字 | 取名 | 续写 | 台詞 |
         이름 지어 | 이어서 써 | 작명 | namensvorschläge | namen für | namensidee* | fortsetzung | im stil | im stil von |
         à la manière de | idées de noms | suite de l'histoire | al estilo de | ideas de nombres |
         continúa la historia | no estilo de | ideias de nomes | sugestões de nome | nello stile di | idee per |
         un nome per | in de stijl van | namen voor | w stylu | pomysł* na nazw* | стиле | азвани | ридумать |
         isim öner* | tarzında | على طريقة | की शैली | नाम सुझा | love poem | dad joke | dad jokes | pep talk |
         toast to | welcome speech | closing line | opening line | first line of | blurb | voice-over | jingle |
         cartoon | comic strip | dialogue for | dialogue where | scene where | scene in which | story where |
         story in which | imagine a | imagine that you",
    ),
    (
        &[(Code, 4)],
        "what does this print | what will this print | apps script | google apps script | in python | in java |
         in javascript | in typescript | in sql | in bash | in c++ | in rust | in golang | in excel | in snowflake |
         snowflake | bigquery | perl | cobol | scala | matlab | haskell | elixir | swiftui | from perl to |
         legacy code | one-line shell | shell command | in pandas | en python | en sql | en javascript | em python |
         em javascript | in php | auf der kommandozeile | kommandozeile | ligne de commande | línea de comandos |
         linha de comando | riga di comando | 命令行 | コマンド | 명령어 | wie programmiere | debugge | débogue* |
         refactor this | refactorisier* | review this diff | diff | stack-trace | log4j | null check",
    ),
    (
        &[(Agent, 4)],
        "goal: | tools you can call | <tools> | <task> | <tool_call> | you can call | tools available: | 你可以使用以下工具 |
         使用以下工具 | 行动： | 行动: | 观察: | 观察： | 思考: | 思考： | 次の行動 | 利用可能な関数 | 사용할 수 있는 도구 | herramientas disponibles |
         ferramentas disponíveis | outils disponibles | verfügbare werkzeuge | verfügbare tools |
         strumenti disponibili | beschikbare tools | dostępne narzędzia | доступные инструменты |
         kullanılabilir araçlar | acción: | ação: | aktion: | azione: | beobachtung: | observación: | observação: |
         plan so far | steps so far | remaining steps | current step | your turn to act | emit the next |
         next call",
    ),
    (
        &[(Act, 3)],
        "go through my | go through the | log in | log into | sign in | correct it | commit it | push it | push to |
         ask him | ask her | ask them | take the | get me | grab me | clear the | clean up | clean out | turn on |
         turn off | switch on | switch off | enable | disable | escalate to | submit | file a | file the | attach |
         attach the | copy the | copy it | sync | share it | share the | share with | print out | mute | snooze |
         subscribe | unsubscribe me | onboard | offboard | extend the | shift the | swap the | do it for |
         descarga* | sube | súbe* | entra en | entra | adjunta* | comparte* | baixa | baixe | faça | sobe | anexa |
         entre no | carica | scarica | accedi | allega | invita | condividi | télécharge* | connecte-toi |
         connecte | joins | partage* | melde dich | logg | lad | lade | hänge | teile | öffne | schließ* | mach |
         kopier* | frag | frage | ruf | stell | stelle | nodig | deel | voeg | sluit | haal op | zaloguj | pobierz |
         wgraj | załącz | zaproś | udostępnij | ойди | качай | агрузи | рикрепи | оделись | ригласи | 登录 | 下载 | 上传 |
         邀请 | 转发 | 分享 | 添加 | 登入 | 提交 | ログインして | 添付して | 申請 | ダウンロード | アップロード | 招待 | 共有して | 転送 | 로그인 | 다운로드 | 업로드 |
         초대 | 공유 | 전달 | 추가 | 넣어 | 보고해 | giriş yap | indir | yükle | davet et | paylaş | ilet | سجل | حمّل | أضف |
         شارك | लॉग इन | डाउनलोड | अपलोड | जोड़",
    ),
    (
        &[(Chat, 4)],
        "found the bug myself | found it myself | forget it | forget that | laisse tomber | vergiss es |
         lass gut sein | hat sich erledigt | erledigt | olvídalo | déjalo | deixa pra lá | deixa quieto |
         lascia stare | lascia perdere | laat maar | nieważne | забудь | еважно | 算了 | 不用了 | 忘れて | 気にしない | 大丈夫です |
         됐어 | 괜찮아 | boşver | gerek kalmadı | لا بأس | रहने दो | intended recipient | may be privileged |
         sent from my | original message | forwarded message | solved it myself | sorted it myself | all good now |
         works now | no worries",
    ),
    (
        &[(Chat, 2)],
        "regards, | best regards | bonne soirée | bonne journée | schönen feierabend | schönes wochenende |
         buenas noches | buen fin de semana | bom fim de semana | boa noite | buona serata | buon weekend |
         fijn weekend | miłego | орошего вечера | орошего дня | 晚安 | 辛苦了 | 周末愉快 | お疲れ | おやすみ | 잘 자 | iyi geceler |
         kolay gelsin | تصبح على خير | शुभ रात्रि",
    ),
    (
        &[(Brief, 4)],
        "reply only with | only output | output only | just one word | nur eine zahl | nur die zahl |
         seulement le mot | un seul mot | sólo la palabra | solo la palabra | só a palavra | apenas a palavra |
         solo la parola | alleen het woord | tylko słowo | олько слово | 只输出 | 只需回答 | だけ答え | のみ回答 | 만 답 |
         sadece kelime",
    ),
    (
        &[(Polite, 1)],
        "can you | could you | would you | will you | can u | could u | would it be possible | do you mind |
         may i ask you | can i ask you | kannst du | könntest du | können sie | könnten sie | kann mir jemand |
         peux-tu | pouvez-vous | pourriez-vous | pourrais-tu | tu peux | vous pouvez | puedes | podrías |
         puede usted | podría | pode me | você pode | poderia | pode por favor | puoi | potresti | può | potrebbe |
         kun je | kunt u | zou je | zou u | możesz | czy możesz | mógłbyś | mogłabyś | могли бы вы | можешь |
         ожете | могли бы | 你能 | 能不能 | 可以帮 | 能帮我 | もらえますか | いただけますか | くれますか | くれる？ | 주실 수 있 | 줄 수 있 | 줄래 | 주시겠 |
         yapabilir misin | misin | misiniz | هل يمكنك | क्या आप | क्या तुम",
    ),
];

/// The phrases of one row.
pub(super) fn of_row(row: &'static str) -> impl Iterator<Item = &'static str> {
    row.split('|').map(str::trim)
}
