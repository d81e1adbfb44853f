//! Phrases of code, mathematics, extraction, classification.

use super::Row;
use crate::analysis::cues::Cue::{Classification, Code, Depth, Extraction, Math};

pub(super) const TABLE: &[Row] = &[
    // Code
    (
        &[(Code, 4)],
        "write a function | write a program | write a script | write code | write a query | unit test | unit tests |
         unittest | stack trace | traceback | compile error | compiler error | segfault | null pointer | sql query |
         pull request | regular expression | regex | source code | code review | syntax error | typeerror |
         importerror | valueerror | keyerror | nullpointerexception | pytest | codebase | cargo test | npm install |
         rebase | git branch | git rebase | git commit | dockerfile | bash script | shell script |
         schreibe eine funktion | schreib eine funktion | schreibe ein programm | écris une fonction |
         écrire une fonction | escribe una función | escribe un programa | escreva uma função | scrivi una funzione |
         апиши функцию | апиши программу | апиши скрипт | 写一个函数 | 编写一个函数 | 写一段代码 | 代码 | 関数を書 | プログラム | コード | 함수 |
         #include | console.log | public static | c++ program | this snippet | stack overflow error | vba |
         power query | jq | nginx | powershell | flexbox | goroutine* | scikit-learn | sklearn | pytorch |
         spring boot | stored procedure | t-sql | segmentation fault | xlookup | vlookup | sumifs | textsplit |
         cherry-pick | o(n) | o(1) | o(log n) | o(n^2) | dataframe | fastapi | next.js | node.js | github actions |
         gitlab-ci | docker compose | docker-compose | fehlermeldung | quellcode | excel formula | google sheets |
         awk | regexp | code snippet | merge conflict | unit-test* | crontab | systemd | xpath | graphql | makefile |
         sql-abfrage | requête sql | consulta sql | query sql | zapytanie sql | sql-запрос | sql sorgusu | código |
         报错 | 脚本 | 正则 | 函数 | 関数 | スクリプト | クエリ | 正規表現 | 스크립트 | 정규식 | 쿼리 | 코드 | функци | скрипт | كود | कोड |
         fonksiyon* | funkcj* | skrypt* | codice | bug in | what does this print | what will this print |
         apps script | google apps script | in python | in java | in javascript | in typescript | in sql | in bash |
         in c++ | in rust | in golang | in excel | in snowflake | snowflake | bigquery | perl | cobol | scala |
         matlab | haskell | elixir | swiftui | from perl to | legacy code | one-line shell | shell command |
         in pandas | en python | en sql | en javascript | em python | em javascript | in php | auf der kommandozeile |
         kommandozeile | ligne de commande | línea de comandos | linha de comando | riga di comando | 命令行 | コマンド |
         명령어 | wie programmiere | debugge | débogue* | refactor this | refactorisier* | review this diff | diff |
         stack-trace | log4j | null check",
    ),
    (
        &[(Code, 3)],
        "python | javascript | typescript | rust | golang | c++ | c# | java | kotlin | php | sql | postgres |
         postgresql | mysql | kubernetes | terraform | react | django | numpy | pandas | debug | bug | fix the bug |
         code | codes | function | funktion | programm | def | endpoint | html | css | bash | linux command | github |
         git | linter | fn | async | boilerplate | excel | spreadsheet formula | formule excel | fórmula | grep |
         sed | curl | xargs | chmod | cron | maven | gradle | npm | yarn | pip | webpack | vite | vue | angular |
         svelte | flask | css grid | sqlite | mongodb | redis | kafka | helm | ansible | jenkins | gitlab |
         exception | exceptions | runtime error | tensorflow | keras | mutex | recursion | recursive | middleware |
         cors | jwt | oauth | rest api | grpc | websocket | cmake | gcc | arduino | esp32 | stdin | stdout | abfrage |
         skript | le code | fonction | función | função | funzione | functie | foutmelding | kod | エラー | 実装 | バグ |
         에러 | 오류 | 구현 | 엑셀 | 数据库 | 线程 | 内存 | 编译 | hata veriyor | sorgu* | ошибк | код | запрос | programmier* |
         kompilier* | cpu | stack | refactoring | implementation | jvm | heap | sso | unix timestamp | .net |
         kubectl | pod | docker-container | .py | .js | .ts | .jsx | .tsx | .java | .cpp | .rs | .go | .yml | .yaml |
         .sh | .sql | .css | .ipynb | .vue | .php | .rb | .kt | .cs | .ps1 | .toml",
    ),
    (
        &[(Code, 1)],
        "class | method | variable | array | loop | compile | compiles | library | script | program | framework |
         frontend | backend | deploy | server | database | group by | inner join | select distinct | import | return |
         string | json | yaml | api | module | package | repository | repo | docker | file | implement* | index |
         pointer | struct | parse | parser | formula | query | queries | commit | commits | branch | undefined |
         null | runtime | syntax | thread | threads | node | callback | await | selector | notebook | trigger |
         snippet | column | cell | sheet | pivot | log | logs | error | errors | requête | consulta | query's |
         boucle | bucle | base de datos | base de données | banco de dados | planilha | foglio | spalte | zelle |
         kolom | formel | 公式 | 接口 | 数式 | hata | błąd | arkusz | crash | crashes | config | linux | windows | macos |
         ssh | localhost | port | timeout | http | https | url | cache",
    ),
    (
        &[(Code, 4), (Depth, 2)],
        "refactor* | race condition | race conditions | deadlock | deadlocks | memory leak | concurrency |
         concurrent | thread-safe | lock-free | time complexity | dynamic programming | compiler | distributed lock |
         borrow checker | data structure | data structures | algorithm | algorithms | microservice* | sharding |
         schema migration",
    ),
    // Mathematics
    (
        &[(Math, 4)],
        "calculate | solve for | solve the equation | simplify the expression | factorise | factorize |
         greatest common divisor | least common multiple | square root | area of | perimeter | volume of | berechne |
         löse die gleichung | résous | calcule | calculer | calcula | resuelve la ecuación | ычисли | еши уравнение |
         计算 | 求解 | 方程 | 計算 | 解いて | 계산 | whats left | what's left | the odds | odds of | odds that | likelihood that |
         work out how | % of | percent of | subtract | multiply | divided by | divide | squared | cubed | cube root |
         to the power of | decimal places | significant digits | rounded to | round to | weighted average |
         standard deviation | confidence interval | p-value | significance test | statistically significant | z-test |
         t-test | chi-square | binomial | poisson | normal distribution | compound interest | annuity |
         net present value | break-even | breakeven | quadratic | system of equations | simultaneous equations |
         roots of | inequality | limit of | sequence defined | finite group | dot product | show working |
         show your work | show the working | at random | gcd | lcm | natural numbers | real numbers | show that |
         hex to decimal | to decimal | in binary | to binary | octal | hexadecimal | minus | rechne | ausrechnen |
         berechnen | wahrscheinlichkeit | wie groß ist | zeige, dass | zeigen sie, dass | quadratwurzel | dreisatz |
         calculez | probabilité | montrez que | pourcentage | calcular | porcentaje | probabilidad | resuelve |
         demuestr* | porcentagem | probabilidade | resolva | prove que | juros | calcola | calcolare | percentuale |
         probabilità | dimostra | risolvi | equazione | bereken* | hoeveel | oblicz | policz | prawdopodobieństw* |
         udowodnij | rozwiąż | równani* | ычисл | осчита | ассчита | ероятност | окажите | ешите | равнени | 概率 |
         百分之 | 求证 | 积分 | 导数 | 算一下 | 求めよ | 確率 | 求めて | 因数分解 | 解け | 확률 | 방정식 | 구하시오 | 구하세요 | 구해 | 증명하 | احسب | معادلة |
         احتمال | गणना | समीकरण | ज्ञात | hesapla* | olasılı* | kanıtla* | denklem* | cagr | mean and median |
         eigenwert* | eigenvektor* | autovalor* | valeurs propres | valores propios | autovalori | critical points |
         log2 | ln( | sin( | cos( | sqrt( | =? | what each flat pays | what does each | my working | how long is the |
         depreciation | straight-line | pro rata | prorata | pro-rata | work out the | work out what each |
         per person and | per month and | in percent | what percentage of | sample size | margin of error |
         expected number | expected return | how many ways | in how many | bestimme die | löse | integriere |
         ableitung | nullstellen | kurvendiskussion | dérivée | intégrale | limite de | résoudre | derivada |
         límite de | hallar | halla | encontre o valor | derivata | integrale | pochodna | całka | роизводн |
         нтеграл | 求出 | 特征值 | 最大值 | 最小值 | 微分 | 積分 | 最大値 | 最小値 | 何パーセント | 何通り | 미분 | 적분 | 몇 퍼센트 | türevi | integrali |
         مساحة | क्षेत्रफल | ब्याज",
    ),
    (
        &[(Math, 3)],
        "equation | equations | compute | arithmetic | algebra | geometry | polynomial | fraction | percentage of |
         gleichung | ecuación | équation | triangle | radius | hypotenuse | prime number | mean of | median of |
         remainder | divisible | interest rate | solve | sum of | product of | odds | percentage | per cent |
         average of | ratio | proportion | variance | regression | correlation | mortgage | loan | annual rate |
         interest | markup | discount | vat | angle | degrees | circle | rectangle | diameter | dice | coin |
         integer | integers | digits | primes | prime | vector | sequence | convert | decimal | add up | adds up |
         prozent | durchschnitt | mittelwert | bruch | wurzel | zinsen | dreieck | fläche | rabatt | mwst | moyenne |
         intérêts | remise | tva | racine | promedio | descuento | interés | raíz | média | desconto | raiz | sconto |
         radice | interessi | procent | gemiddelde | korting | btw | średnia | odsetki | роцент | редн | 平均 | 面积 |
         面積 | 利率 | 利息 | 折扣 | 割合 | 合計 | 평균 | 넓이 | 이자 | نسبة | प्रतिशत | औसत | yüzde | ortalama | faiz | net of |
         gross | break even",
    ),
    (
        &[(Math, 4), (Depth, 4)],
        "prove that | proof that | proof of | beweise | beweisen sie | démontre* | montrer que | demuestra que |
         окажи | 证明 | 証明 | derive the | induction",
    ),
    (
        &[(Math, 4), (Depth, 2)],
        "theorem | lemma | integral | integrate | derivative | differentiate | differential equation | eigenvalue |
         eigenvalues | matrix | matrices | determinant | modulo | probability | expected value | permutation* |
         combinatori* | converges | convergence | isomorphi* | abelian | topolog* | vector space | logarithm |
         trigonometr* | limit as",
    ),
    // Extraction
    (
        &[(Extraction, 4)],
        "extract | extract the | extract all | extrahiere | extrahieren | extrais | extraire | extrae | extraer |
         extraia | estrai | звлеки | 提取 | 抽出 | 추출 | pull out | named entities | list all the names | list every |
         find all mentions | parse the following | key-value pairs | convert the following text | as json | in json |
         into json | json object | json array | to json | als json | en json | into a table | as a csv | csv format |
         fill in the fields | structured data | json format | pull the | pull all | pull every | pull all the |
         pull out the | get all the | all email addresses | all e-mail | every email | all the dates | all dates |
         all names | all the names | every name | every company | all companies | who is mentioned | is mentioned |
         are mentioned | mentioned in | named in | which companies | which people | which dates | which amounts |
         fill the form | fill in the form | fill in the | fill this | fill out | populate the | key: value |
         key-value | one per line | as csv | csv with | as tsv | tsv | as a table | table please | in a table |
         make a table | a table with | table with columns | schema: | as yaml | json with | return json | valid json |
         json only | grab the | grab all | scrape | tabulate | line items | extracted | extracting | extraction |
         output: | liste alle | alle namen | alle beträge | als tabelle | als csv | in eine tabelle |
         herausschreiben | rausschreiben | schreib raus | heraus | raus aus | entnimm | ausfüllen | extrahier* |
         relève* | repère* | en tableau | dans un tableau | sous forme de tableau | au format json | en csv |
         remplis | remplissez | récupère* | liste tous | liste toutes | extráe* | sácame | saca | en una tabla |
         rellena | rellenar | se mencionan | aparecen | todos los nombres | todas las fechas | extrai | extrair |
         preench* | numa tabela | em tabela | em uma tabela | todos os nomes | todas as datas | estrarre | elenca |
         elencami | in una tabella | in tabella | tira fuori | compila | in een tabel | vul in | wyciągnij | wypisz |
         wyodrębnij | w tabeli | ytągnij | ытащи | ыпиши | ыдели все | аполни | 整理成 | 列出 | 找出 | 摘出 | 抽取 | 提炼出 | 抜き出 |
         書き出 | 表にして | リストアップ | 一覧に | 뽑아 | 표로 | استخرج | निकाल | listele* | ayıkla* | tabloya | çıkar* |
         who's mentioned | phone numbers | for each ticket: | for each of them: | for each: | list of { | array of { |
         three lists | two lists | give me a list | give me all | give me every | give me the names | all quantities |
         hashtags | tell me the final | parse these | parse this | from this: | from the cv | from the cv: |
         from this mail: | from this post | return the entities | entities as | named entity | who said what |
         line by line as | as rows | as key | into columns | into fields | split into | the fields |
         aus dem folgenden | als yaml | als liste | brauche ich als | welche beträge | welche namen | welche termine |
         alle termine | alle adressen | alle telefonnummern | alle rechnungs* | tous les montants |
         toutes les adresses | sors la liste | todos los datos | todas las direcciones | dame una lista |
         me dá uma lista | todos os valores | tutti gli importi | tutte le date | tutti i nomi | dammi un elenco |
         alle bedragen | geef een lijst | podaj wszystkie | се адреса | се номера | се компании | 所有金额 | 所有日期 | 姓名、 |
         电话、 | 提取出 | すべて抜 | 名前と | 日付と | 金額と | 이름과 | 날짜와 | 금액을 | 전부 뽑 | الأسماء | tüm isim* | tüm tarih* | सभी नाम |
         null if | if missing | if not stated | leave blank | n/a if | leave it empty | exactly as written |
         verbatim",
    ),
    (
        &[(Extraction, 2)],
        "entities | fields | invoice | receipt | following text | following document | from the text |
         from this text | from the email | names and | phone number | email address | email addresses | dates |
         identify all | following email | given text | following passage | resume | table | identify the |
         following sentences | following records | list the | list all | list only | list each | schema | fields: |
         columns: | csv | serial number | order number | order numbers | invoice number | tracking number* |
         contact details | due date | parse out | felder | tabelle | rechnungsnummer | ansprechpartner |
         aus dem text | aus der mail | auflisten | numéro de | montants | enumera | tabla con | tabla |
         del siguiente | número de | liste | tabela | do texto | importi | dal testo | numero di | tabel | tabel met |
         wszystkie | таблиц | писок | 字段 | 表格 | 項目 | 表に | 항목 | 목록 | 정리해 | جدول | من الرسالة | من النص | सूची |
         तालिका | attendees | participants | deadlines | amounts | what is the serial | mentions | stated in | items",
    ),
    // Classification
    (
        &[(Classification, 4)],
        "classify | classification | categorize | categorise | klassifiziere | ordne ein | classe ce | classifie |
         clasifica | classifique | classifica | лассифицируй | пределите тональность | 分类 | 分類 | 분류 |
         positive or negative | positive, negative | positiv oder negativ | positif ou négatif | positivo o negativo |
         spam or | is this spam | sentiment | sentiment of | which category | label the | label each |
         one of the following labels | one of the following categories | on a scale of | rate the following |
         which of the following categories | true or false | toxic | intent of | answer yes or no | yes or no |
         which genre | which department | which team does | which queue | which label | which tag | what category |
         what intent | what language is | which language is | tag this | tag each | sort these | sort this |
         sort each | sort them into | sort into | triage | spam or ham | is it spam | formal or informal |
         bug or feature | positive / negative | pos/neg | entailment | entail* | contradiction | assign one |
         assign each | pick one | pick the one | choose one of | choose from | one of: | one of these | fits best |
         best fits | best matches | which fits | only the word | just the word | just the label | only the label |
         only the category | just the category | only the name | label: | labels: | category: | categories: |
         intents | intent: | intent = | sarcas* | on-topic | off-topic | safe or unsafe | or safe | rate this |
         rate each | score this | score each | is this sentence | does this sentence | is this text | does this text |
         is this message | is this email | is this review | is this comment | is this a | fact or opinion | y/n |
         yes/no | a or b | a, b or | or neutral | phishing | multi-label | zero-shot | einordnen | ordne | zuordnen |
         kategorisier* | klassifizier* | welche kategorie | welche abteilung | welcher kategorie | gehört das |
         gehört dies | ja oder nein | dringend oder | spam oder | tonalität | beschwerde oder | nur den namen |
         nur das wort | nur die kategorie | nur ein wort | quelle catégorie | quel service | classez | catégorise* |
         oui ou non | urgent ou | vrai ou faux | quel ton | qué categoría | a qué departamento | clasificar |
         clasifíca* | categoriza | sí o no | urgente o | verdadero o falso | positiva o negativa | queja o |
         qual categoria | em qual categoria | classificar | sim ou não | urgente ou | verdadeiro ou falso |
         positivo ou negativo | reclamação ou | quale categoria | che categoria | classificare | sì o no | vero o |
         quale reparto | welke categorie | welke afdeling | ja of nee | formeel of | positief of negatief |
         classificeer | do jakiej kategorii | tak czy nie | tak/nie | sklasyfikuj | zaklasyfikuj | пределите язык |
         а или нет | ональност | тнеси | рочно или | пределите категорию | каком отделу | лассифици | 哪一类 | 属于哪 | 归类 |
         正面还是负面 | 情感 | どれですか | 判定して | 感情 | どの部署 | 振り分け | 一語で | 긍정 | 어느 부서 | 판단해 | 분류해 | 중 하나 | صنف | تصنيف |
         वर्गीकृत | श्रेणी | sınıflandır* | hangi kategori* | olumlu mu | hangi departman* | evet/hayır | acil mi |
         true/false | severity | p1, | which of the two | better, a or | reply with the queue | routing |
         ticket routing | queues: | grading | grade the | grade each | score 1 to | from 1 to 5 | from 1 to 10 |
         1 to 5 | 1-5 | 1 to 10 | output the digit | digit only | would you call this | would you say this |
         would you file this | few-shot | => | relevance | grade 0 | which team's | or balanced | in favour of |
         output only the | answer with one of | answer with the | reply with one of | respond with one of |
         one of these: | pick from | choose the | select one | select the | choose between: | options: |
         which bucket | which class | which type of | what type of | what kind of | level of | polarity | stance |
         emotion | hate speech | is this about | should this be | does this belong | where does this belong |
         belongs to | fällt das unter | handelt es sich um | ist das ein | ist das eine | ist diese | ist dieser |
         einstufen | bewerte | est-ce un | est-ce une | s'agit-il | de quel type | à quelle | quelle étiquette |
         es esto | se trata de | qué tipo de | de qué tipo | é um | é uma | isto é | que tipo de | di che tipo |
         che tipo di | si tratta di | is dit een | wat voor soort | jaki to | czy to jest | это жалоба | какой тип |
         какого типа | тип обращения | 属于 | 哪种 | 哪个类别 | 是正面 | 评分 | 打分 | のうちどれ | どれに | どちらか | 分けて | 分類して | 評価して | 구분해 |
         인지 | 어디에 해당 | 점수 | hangisine | ne tür | türü | أي فئة | किस श्रेणी | किस प्रकार",
    ),
    (
        &[(Classification, 2)],
        "category | categories | label | labels | tone of | urgent | spam | intent | relevant or | neutral |
         moderation | kategorie | catégorie | categoría | priority | genre | is it a | rating | ratings | tag | tags |
         escalate | formal | complaint | feature request | stimmung | kategorien | catégories | catégorie: |
         étiquette* | etiqueta* | categorias | categorie | atégori | атегори | 类别 | 标签 | 判断 | 是不是 | カテゴリ | 優先度 |
         카테고리 | 라벨 | 스팸 | إيجابي | سلبي | सकारात्मक | нужно определить | urgency | topic of | vulnerable |
         same meaning | classes | bucket | relevant? | suspicious",
    ),
];
