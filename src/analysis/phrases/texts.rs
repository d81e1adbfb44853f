//! Phrases of summaries, translation, knowledge, reasoning, creative work, agents.

use super::Row;
use crate::analysis::cues::Cue::{Agent, Creative, Depth, Knowledge, Reasoning, Summarisation, Translation};

pub(super) const TABLE: &[Row] = &[
    // Summarisation
    (
        &[(Summarisation, 4)],
        "summar* | tl;dr | tldr | key points | main points | key takeaways | condense | abstract of | in a nutshell |
         shorten | boil down | bullet-point overview | fasse | zusammenfass* | zusammen | kürze | résume | résumer |
         résumé | resume el | resume este | resume esta | resumir | resumen | resuma | resumo | riassumi | riassunto |
         ратко | езюме | уммируй | ересказ | 总结 | 摘要 | 概括 | 要約 | まとめて | 요약 | meeting notes | minutes of the meeting |
         executive summary | recap | gist | bottom line | sum up | sum this up | sum it up | sum that up | key facts |
         three bullets | bullets on | bullets from | in bullets | into minutes | synopsis | cut this down |
         cut it down | cut down to | reduce to | reduce this | trim this | trim it | short version | shorter version |
         of the length | half the length | the highlights | the essentials | in a few words | what happens in |
         what's this about | what is this about | what it's about | what it is about | what did i miss | catch me up |
         up to speed | takeaways | takeaway | main idea | compress | distill | distil | brief me | in short |
         boil this down | boil it down | boils down | headline for | kurzfassung | in kürze | das wesentliche |
         auf den punkt | kernaussage* | kernpunkt* | stichpunkt* | worum geht | eindampfen | wichtigsten punkte |
         kürzer | kürzen | management-zusammenfassung | l'essentiel | synthèse | synthétis* | en bref | points clés |
         en quelques mots | raccourci* | compte rendu | compte-rendu | les grandes lignes | résum* | resúme* |
         en pocas palabras | lo esencial | puntos clave | puntos principales | lo más importante | síntesis |
         acorta* | resum* | em poucas palavras | pontos principais | pontos-chave | o essencial | encurt* | riassum* |
         sintesi | sintetizza* | in poche parole | punti chiave | punti principali | di una riga | in una riga |
         accorcia* | l'essenziale | samenvat* | vat dit | kort samen | in het kort | kernpunten | de kern |
         terugbrengen tot | hoofdpunten | belangrijkste punten | stresz* | streść | podsum* | w skrócie | skróć |
         najważniejsze | оротко | кратце | сновные мысли | ыжимк | ократи | лавное | чём тут речь | амое важное |
         özet* | kısaca | kısalt* | 概述 | 压缩成 | 缩短 | 要点 | 简述 | 归纳 | 精简 | 浓缩 | 大意 | 提炼 | 短く | 縮めて | 手短に | かいつまんで | 一行で |
         三行で | 一言でまとめ | 요점 | 한 줄로 | 줄여 | 핵심 | 간추려 | لخص | ملخص | تلخيص | باختصار | सारांश | संक्षेप | tl,dr |
         too long | drop the rest | the point of | in zwei sätzen | was wollen die | was will der |
         was wollen sie von | fits on a | version that fits | two sentences | three sentences | in two lines |
         two lines | three lines | four lines | 4 lines | 3 lines | 5 lines | no jargon | what happened tonight |
         don't want to read | won't read | will not read | read all of it | read all this | no time to read |
         haven't time to read | what do people like | what matters | need to know | what i need to know |
         the important bits | important parts | main message | main takeaway | key message | key messages |
         in plain terms what | give me the short | as release notes | into release notes | as a headline |
         mais curto | duas linhas | três linhas | uma frase | más corto | dos líneas | tres líneas | dos frases |
         una frase | plus court | deux lignes | trois lignes | deux phrases | une phrase | più breve | più corto |
         due righe | tre righe | due frasi | una frase sola | twee zinnen | twee regels | drie zinnen | korter |
         korte versie | dwa zdania | dwóch zdaniach | trzech zdaniach | krócej | двух словах | двух предложени |
         трёх предложени | ороче | 三句话 | 两句话 | 一段话 | 简短 | 一文で | 二文で | 三文で | 二行で | 100字以内 | 字以内 | 한 문장 | 두 문장 | 세 문장 |
         세 줄 | 두 줄 | bir cümle | iki cümle | üç cümle | في جملة | في جملتين | في سطر | दो वाक्य | एक वाक्य |
         तीन वाक्य",
    ),
    (
        &[(Summarisation, 2)],
        "shorter | overview | highlights | bullets | bullet points | minutes: | words max | max words | lines max |
         at most three | kurz | ganz kurz | en une phrase: | en una línea | em uma linha | numa linha | en resumen |
         in breve | em resumo | em três | in drei sätzen | half a page | paragraph | short paragraph | 简单说 | 一句话说 |
         ポイント | 간단히 | 짧게 | कम शब्दों | kısa | essentials | in one line | one-liner | key point",
    ),
    // Translation
    (
        &[(Translation, 4)],
        "translate | translate the | translate this | translation | translation of | translate into | into french |
         into german | into spanish | into english | into chinese | into japanese | into italian | into portuguese |
         into russian | to french | to german | to spanish | to english | to japanese | to italian | translator |
         übersetze* | übersetzung | ins deutsche | ins englische | auf englisch | auf deutsch | traduis | traduire |
         traduisez | traduction | en français | en anglais | traduce | traducir | traduzca | traducción | al inglés |
         al español | traduza | traduzir | para o inglês | traduci | traduzione | in inglese | еревед | еревод |
         а английский | а русский | 翻译 | 译成 | 翻譯 | 翻訳 | 訳して | 英語に | 번역 | how do you say | localize | localise |
         wie sagt man | comment dit-on | put this in | put this into | put it into | put it in | put that in |
         render the | render this | render it | source_lang | target_lang | src= | tgt= | bilingual | translated |
         translating | how would you say | how would i say | how do i say | how to say | what's the word for |
         in brazilian portuguese | to brazilian portuguese | japanese version | english version | german version |
         french version | spanish version | übertragen | dolmetsch* | ins polnische | ins französische |
         ins spanische | ins italienische | ins russische | ins türkische | ins niederländische | auf französisch |
         auf spanisch | auf italienisch | auf polnisch | auf türkisch | wie heißt das auf | mettre ça en |
         mets ça en | vers l'anglais | vers le français | en espagnol | en allemand | comment on dit | cómo se dice |
         cómo lo diría | cómo digo | pásalo al | al francés | al alemán | al italiano | al portugués | en inglés |
         al castellano | como se diz | passa pro | passa para o | pro português | para o português | pro inglês |
         para inglês | em inglês | para o espanhol | para o alemão | come si dice | in italiano | in francese |
         in tedesco | in spagnolo | vertaal* | vertaling | in het engels | in het nederlands | in het duits |
         naar het engels | naar het nederlands | naar het duits | hoe zeg je | przetłumacz* | tłumacz* |
         po angielsku | po polsku | po niemiecku | na angielski | na polski | na niemiecki | jak powiedzieć |
         о-английски | о-русски | о-немецки | а немецкий | а французский | а испанский | с английского | çevir* |
         tercüme | ingilizceye | türkçeye | almancaya | nasıl denir | nasıl söylenir | 翻成 | 译为 | 成英文 | 成中文 | 英译 |
         怎么说 | 成日语 | 日本語にして | 日本語に | 英訳 | 和訳 | に訳 | 中国語に | 英語で何 | ドイツ語に | フランス語に | 韓国語に | 영어로 | 한국어로 | 일본어로 | 중국어로 |
         독일어로 | ترجم | إلى الإنجليزية | إلى العربية | بالإنجليزية | अनुवाद | अंग्रेज़ी में | हिंदी में | into polish |
         into dutch | into turkish | into korean | into arabic | into ukrainian | into czech | into swedish |
         to polish | to dutch | to turkish | to portuguese | to chinese | to korean | to russian | to arabic |
         in plain german | türkçesi | ingilizcesi | almancası | word for word | in european spanish |
         in british english | in mexican spanish | in simplified chinese | the comments in english |
         like it in english | need it in english | need this in | need it in | english → | german → | into european |
         en → | de → | fr → | auf deutsch bitte | ins schwedische | ins dänische | ins tschechische |
         ins ukrainische | ins portugiesische | en version anglaise | version anglaise | version française |
         versión inglesa | versión en inglés | versão inglesa | versione inglese | versione italiana |
         engelse versie | nederlandse versie | wersja angielska | wersję angielską | нглийскую версию | по английски |
         英語版 | 日本語訳 | 英文版 | 中文版 | 영문 | 번역본 | locali* the | what does it say in | what this says |
         understand this letter | subtitle* | transcreat* | interpret for | language pair | mt output | post-edit*",
    ),
    (
        &[(Translation, 2)],
        "what does it say | what it says | what does this say | what they say | don't speak any | don't speak |
         can't read it | in english | in german | in french | in spanish | in polish | in dutch | in portuguese |
         in japanese | in chinese | in turkish | in russian | in korean | wording natural | native speaker | traduc* |
         tradu* | keigo | glossary | no clue what",
    ),
    // Knowledge
    (
        &[(Knowledge, 4)],
        "what is the capital | capital of | who was | who is | who wrote | who invented | who discovered | who won |
         when was | when did | where is | in what year | in which year | what year | what causes | what does |
         what are the symptoms | tell me about | definition of | define | what happened | difference between |
         explain the concept | history of | which country | which city | which planet | which of the following |
         was ist | wer war | wer ist | wann wurde | hauptstadt | was bedeutet | wo liegt | erkläre | qu'est-ce que |
         qui a | qui est | quelle est la capitale | capitale de | expliquez | explique | explica | qué es | quién |
         cuál es la capital | cuándo | o que é | quem foi | cos'è | chi ha | то такое | то написал | огда | толица |
         бъясни | 什么是 | 是谁 | 首都 | 解释 | とは何 | 誰 | なぜ | 説明して | 수도 | 무엇 | what's the difference | what is a |
         what is an | what's a | what is meant | stands for | stand for | where does | come from | who came up |
         how come | is it true that | rule of thumb | origin of | purpose of | explain the terms | explain what |
         explain how | explain why | largest | tallest | longest | oldest | unterschied zwischen | was heißt |
         wie funktioniert | wozu | erklär* | was sind | woher | wie lange muss | was versteht man | c'est quoi |
         différence entre | comment fonctionne | à quoi sert | d'où vient | que veut dire | qu'est-ce qu |
         qué significa | diferencia entre | cómo funciona | para qué sirve | qué son | cuáles son | explíc* |
         de dónde viene | o que significa | diferença entre | como funciona | para que serve | pra que serve |
         o que são | quais são | cosa significa | che cosa è | che cos'è | differenza tra | come funziona |
         a cosa serve | quali sono | spiega* | wat is | wat betekent | verschil tussen | hoe werkt | leg uit |
         wie was | co to | co znaczy | różnica między | różni się | jak działa | czym jest | wyjaśnij |
         na czym polega | ем отличается | азница между | то значит | ак работает | ткуда | то это | ак устроен |
         чём разница | 是什么 | 区别 | 什么意思 | 怎么回事 | 原理 | 有哪些 | 介绍一下 | 由来 | 违い | 違い | 何ですか | どういう意味 | 仕組み | ありますか | とは |
         차이 | 뭐야 | 무슨 뜻 | 원리 | 뭔가요 | 뭔지 | nedir | ne demek | farkı | nasıl çalış* | ما هو | ما هي | لماذا | الفرق |
         ما معنى | क्या है | क्यों | अंतर | quiz night | multiple choice | in layman's terms | eli5 | even allowed |
         dumb question | stupid question | is it the same | what happens when | what happens if |
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
        &[(Knowledge, 2)],
        "what is | what are | what's | why do | why does | why is | how does | how do | explain | describe |
         meaning of | known as | refers to | according to | facts about | welche | welcher | wer | warum | wieso |
         quelle | quel | pourquoi | cuál | por qué | qual | очему | акой | 为什么 | photosynthesis | treaty | amendment |
         king | war | century | empire | novel | disease | which is | who are | what were | which of these | why |
         why are | why isn't | why doesn't | how is | is there a | what about | meant by | term | terms | principle |
         capital | wieso ist | welches | wann | seit wann | comment | quels sont | quelle est | quel est | quién es |
         cómo | cuándo se | por que | por quê | qual é | qual a | quando | perché | qual è | come mai | waarom |
         wanneer | welke | dlaczego | kto | kiedy | jak | ачем | очему так | ак называ | 为何 | 如何 | 怎么 | 哪些 | 教えて |
         でしょうか | 왜 | 설명해 | 어떻게 | neden | kim | ne zaman | nasıl | متى | كيف | कैसे | कौन | मतलब | law | legal |
         legally | who said | invented",
    ),
    // Reasoning
    (
        &[(Reasoning, 4)],
        "who's where | who sits | sits | seated | what order | in which order | which order | who's right |
         who is right | who is telling | who's lying | hold up | holds up | does it follow | does that follow |
         valid argument | fallacy | work out who | work out which | work out what | best guess | clue | clues |
         rule out | ruled out | way out of | dilemma | recommendation | rationale | what would you do | rent or buy |
         buy or rent | what speaks for | speaks for and against | only solution | is there a solution |
         tells the truth | always tell | likely cause | most likely explanation | consistent with | prove you wrong |
         where's the flaw | flaw in | premise | figure out which | figure out who | figure out what | weigh up |
         weigh the | which option | which one should | which should i | does it make sense | is it worth | worth it |
         who may | who can | what's the catch | logic | logical | reihenfolge | was spricht | abwäg* | wer lügt |
         wer hat | knobel* | lohnt sich | lohnt es | sollen wir | sollten wir | soll ich | sollte ich | folgt daraus |
         dans quel ordre | louer ou acheter | faut-il | vaut-il mieux | vaut mieux | qui ment | que ferais-tu |
         que feriez-vous | déduis | en qué orden | quién miente | me conviene | nos conviene | conviene | qué harías |
         vale la pena | qué opción | quién tiene razón | em que ordem | em qual ordem | quem mente | dá tempo |
         o que você faria | compensa | qual opção | in che ordine | in quale ordine | chi mente | cosa faresti |
         chi ha ragione | in welke volgorde | wie liegt | wat zou jij | raadsel | w jakiej kolejności | kto kłamie |
         zagadka | czy warto | каком порядке | то лжёт | то врёт | тоит ли | агадк | ыгоднее | то прав | 怎么安排 | 顺序 |
         谁说谎 | 谁在说谎 | 该不该 | 应该选 | 矛盾 | 哪个方案 | 权衡 | 怎么选 | どう並べ | 順番 | 嘘 | どちらを選 | べきでしょう | べきか | 推測 | なぞなぞ | 割り当て |
         순서 | 거짓말 | 어느 쪽 | 해야 할까 | 추리 | 가능할까 | 따져 | hangi sıra* | kim yalan | mantık | bulmaca | değer mi | لغز |
         هل يجب | पहेली | तर्क | rota | swap shifts | everyone fits | how do we fit | who is who |
         think this through | think it through | think through | help me think | choose between | decide between |
         choosing between | choisir entre | elegir entre | escolher entre | scegliere tra | scegliere fra |
         kiezen tussen | wybrać między | ыбрать между | entscheiden zwischen | brain teaser | brainteaser |
         casse-tête | denksport* | rompicapo | quebra-cabeça | adivinanza | łamigłówk* | whodunit | who did it |
         plot hole | seating plan | should we | should i | fox goose | river crossing | yalancı | doğru söyl* | 谁是谁 |
         推理过程 | 推出 | 谁在 | 谁先 | 誰が犯人 | 誰が嘘 | 正直者 | どちらがいい | 누가 | 범인 | 누구일까 | wie finde ich raus |
         wie finde ich heraus | welcher schalter | drei schalter | three switches | light bulb | can it be |
         could it be that | must it be | is it possible that | is it possible to | does that mean | does this mean |
         what has to | what would have to | how can that be | how is that possible | kann das stimmen |
         wie kann das sein | wer war es | was tun | est-ce possible | comment est-ce possible | qui est qui |
         qui a mangé | quién es quién | es posible que | cómo es posible | quem é quem | é possível que | chi è chi |
         è possibile che | wie is wie | kto jest kim | то есть кто | ак такое возможно | озможно ли | kim kim |
         mümkün mü | ممكن أن | क्या यह संभव | trade off between | cost of waiting | worst case | first principles |
         sanity check my reasoning | reasoning",
    ),
    (
        &[(Reasoning, 2)],
        "if all | all of the | therefore | conclude | assume | suppose | must be true | sits next to | taller than |
         older than | faster than | to the left of | to the right of | exactly one of | always lies | consider |
         implies | recommend | options | prioritise | prioritize | evaluate | which one | decide | decision |
         schedule | timetable | conditions | seats | boxes | possible? | unique | argument | assumption* |
         assumptions | conclusion | scenario | plan for | planning | what if | better off | better choice | fair |
         allocate | bedingungen | entscheid* | entweder | plan | widerspruch | contraintes | condiciones | decidir |
         lógica | logica | meglio | beter | lepiej | лучше | условия | 条件 | 조건 | 논리 | 배치 | hangisi | 应该 | should |
         must be | cannot both | doesn't add up | explains | evidence",
    ),
    (
        &[(Reasoning, 4), (Depth, 2)],
        "logic puzzle | riddle | puzzle | deduce | what can we conclude | what follows | who is lying |
         knights and knaves | think step by step | let's think | reason step by step | step-by-step reasoning |
         trade-off | trade-offs | tradeoffs | pros and cons | root cause | decide whether | what would happen if |
         plan a | make a plan | strategy for | counterfactual | logically | schlussfolger* | rätsel | logik |
         denk schritt | schritt für schritt | étape par étape | énigme | raisonne | acertijo | paso a paso | razona |
         оловолом* | аг за шагом | огическ* | 推理 | 逻辑 | 一步一步 | 論理 | ステップ | odd one out | scheduling problem |
         itinerary",
    ),
    // Creative
    (
        &[(Creative, 4)],
        "poem | haiku | sonnet | limerick | short story | write a story | story about | tell me a story | slogan |
         slogans | tagline | lyrics | song about | screenplay | dialogue between | role play | roleplay | role-play |
         pretend to be | pretend you are | pretend yourself | act as | take on the role | take on the persona |
         imagine you are | imagine yourself | assume the role | you are a pirate | blog post | write an essay |
         essay about | write an email | draft an email | draft a | compose | cover letter | product description |
         creative | fairy tale | joke | jokes | brainstorm | name ideas | write a letter | speech for |
         write a speech | fan fiction | character named | gedicht | geschichte über | erzähle |
         schreibe eine geschichte | werbespruch | poème | écris une histoire | histoire sur | slogan pour | poema |
         escribe un cuento | cuento sobre | escreva uma história | poesia | scrivi una storia | тихотворение | тихи |
         ассказ о | казку | 写一首诗 | 写一个故事 | 故事 | 诗 | 俳句 | 物語 | 詩を | 이야기 | opening paragraph | persuasive | metaphor* |
         rhyme | rhymes | the persona of | bedtime story | bedtime | monologue | skit | sketch for | a sketch |
         script for | radio ad | radio spot | ad copy | copy for | page copy | product copy | landing page |
         linkedin post | instagram post | facebook post | farewell | goodbye note | thank-you note | thank you note |
         thank-you card | eulogy | best man | toast for | greeting card | birthday card | out-of-office |
         out of office | job ad | job posting | press release | stay in character | in character | personas |
         make up a | come up with | names for | name for | excuse | pun | puns | a rap | verses | ballad | parody |
         satire | punchline | one-liner for | title ideas | titles for | reply to this | motto | mascot | wedding |
         an apology | apology to | email to | mail to | letter to | message to | love letter | dating profile |
         bio for | rhyming | write me a | invitation to | announcement for | forbidden_words | in the voice of |
         as if you were | dear santa | spruch | sprüche | reim | reime | trinkspruch | grußkarte | abschied* |
         glückwunsch* | geburtstag* | mail an | e-mail an | brief an | liebesbrief | werbetext | drehbuch | liedtext |
         stellenanzeige | märchen | erfinde | denk dir | schreib mir ein gedicht | einladung | rede für | witz |
         écris | écris-moi | rédige* | un petit mot | discours | carte pour | lettre à | lettre de motivation |
         chanson | conte | blague | accroche | scénario | pot de départ | anniversaire | vœux | escríbe* | redact* |
         guion | guión | carta a | carta para | cuento | canción | chiste | eslogan | felicitación | discurso |
         brindis | correo a | correo para | mensaje para | nombres para | cumpleaños | escreva um | escreva uma |
         escreve um | escreve uma | redija | crie um | crie uma | roteiro | conto | piada | legenda | convite |
         mensagem de | mensagem para | e-mail para | texto para | aniversário | scrivi un | scrivi una | scrivimi |
         racconto | favola | filastrocca | canzone | barzelletta | lettera di | lettera a | discorso | biglietto |
         auguri | copione | testo per | compleanno | schrijf een | verhaaltje | sinterklaas* | toespraak | liedje |
         bedenk | uitnodiging | brief aan | mail aan | kaartje | wiersz* | opowiadanie | bajk* | życzenia |
         przemówienie | wymyśl | żart | rymowank* | список поздравл | идумай | очини | оздравлени | песн | шутк |
         сценарий | анекдот | 小品 | 台词 | 文案 | 编一个 | 祝福 | 贺词 | 段子 | 演讲稿 | 致辞 | 剧本 | 朋友圈 | 情书 | 口号 | 笑话 | 歌词 | 童话 | 写一封 |
         写一篇 | 起个名字 | 小説 | 歌詞 | 台本 | 挨拶文 | キャッチコピー | 川柳 | 短歌 | スピーチ | 文面 | お祝い | セリフ | 문구 | 소설 | 동화 | 편지 | 축하 | 대본 |
         삼행시 | 인사말 | 카피 | قصيدة | قصة | شعر | कविता | कहानी | भाषण | şiir* | hikaye* | hikâye | masal | davetiye* |
         mektup | fıkra | uydur* | write the error | tell the sales | poem for | caption for | naming the | 15 names |
         10 names | ten names | five names | some names | a name for | name ideas for | roast my | roast | as if a |
         as if it were | cold email | outreach | draft step | continue this | continue the story | same voice |
         town crier | medieval | sample tweets | tweets | as a pirate | like a pirate | shakespeare* | noir |
         alter ego | キャラ設定 | キャラ | ネーミング | 続きを書 | 商品名 | 名字 | 取名 | 续写 | 台詞 | 이름 지어 | 이어서 써 | 작명 | namensvorschläge |
         namen für | namensidee* | fortsetzung | im stil | im stil von | à la manière de | idées de noms |
         suite de l'histoire | al estilo de | ideas de nombres | continúa la historia | no estilo de |
         ideias de nomes | sugestões de nome | nello stile di | idee per | un nome per | in de stijl van |
         namen voor | w stylu | pomysł* na nazw* | стиле | азвани | ридумать | isim öner* | tarzında | على طريقة |
         की शैली | नाम सुझा | love poem | dad joke | dad jokes | pep talk | toast to | welcome speech | closing line |
         opening line | first line of | blurb | voice-over | jingle | cartoon | comic strip | dialogue for |
         dialogue where | scene where | scene in which | story where | story in which | imagine a | imagine that you",
    ),
    (
        &[(Creative, 2)],
        "story | write a | character | vivid | engaging | witty | funny | humorous | catchy | in the style of |
         invent | fictional | dragon | birthday | toast | tweet | caption | headline | rewrite | tone | speak like |
         proofread | grammatical | grammar | song | scene | chapter | plot | rap | verse | card | note for | a note |
         invitation | announcement | apology | speech | persona | warm | heartfelt | playful | cheesy | punchy |
         snappy | dry humour | tone: | tone of voice | sound like | sounds like | reword | rephrase | wording |
         put that so | linkedin | santa | christmas | title for | make it | marketing | brand | post | mail | letter |
         flyer | poster | banner | schreib | schreib mir | schreibe | formulier* | text für | lustig* | humorvoll |
         szene | lied | geschichte | anzeige | drôle | texte pour | annonce | histoire | invente | imagine |
         rédaction | escribe | historia | divertid* | gracios* | anuncio | escreva | escreve | história | engraçad* |
         anúncio | crie | scrivi | storia | annuncio | divertente | schrijf | verhaal | grappig* | tekst voor |
         napisz | list do | апиши | исьмо | речь | тост | 写一个 | 写个 | 写一段 | 作文 | 起名 | 書いて | 考えて | 手紙 | メッセージ | 써 줘 |
         써줘 | 노래 | 광고 | 지어 | اكتب | लिख | yaz | konuşma | slogan bul | mesaj",
    ),
    // Agents that speak in text
    (
        &[(Agent, 4)],
        "you are an agent | you have access to the following tools | you can use the following tools |
         autonomous agent | action input: | observation: | use the tools | available tools | call the tool |
         tool calls | browse to | take a screenshot | thought: | action: | scratchpad | next action | your command |
         objective: | [tools] | function_call | tool_call | use this format: | you control a | each turn you |
         final answer: | runbook | available functions | function signatures | reply with one command | one call per |
         next tool | next step: | ein aufruf pro | werkzeuge: | herramientas: | outils : | ferramentas: | strumenti: |
         инструменты: | 可用工具 | 工具： | 利用可能なツール | 사용 가능한 도구 | araçlar: | [your next | you have access to: |
         you have access to | goal: | tools you can call | <tools> | <task> | <tool_call> | you can call |
         tools available: | 你可以使用以下工具 | 使用以下工具 | 行动： | 行动: | 观察: | 观察： | 思考: | 思考： | 次の行動 | 利用可能な関数 | 사용할 수 있는 도구 |
         herramientas disponibles | ferramentas disponíveis | outils disponibles | verfügbare werkzeuge |
         verfügbare tools | strumenti disponibili | beschikbare tools | dostępne narzędzia | доступные инструменты |
         kullanılabilir araçlar | acción: | ação: | aktion: | azione: | beobachtung: | observación: | observação: |
         plan so far | steps so far | remaining steps | current step | your turn to act | emit the next | next call",
    ),
];
