//! Phrases of signs that several rules use.

use super::Row;
use crate::analysis::cues::Cue::{
    Act, Brief, Chat, Choice, Classification, Constraint, Depth, Given, Polite, Quantity, Relation, Side,
    Step, Summarisation, Tongue,
};

pub(super) const TABLE: &[Row] = &[
    // Errands of clients beside a conversation
    (
        &[(Side, 4)],
        "warmup | follow-up questions | search queries for | autocomplete suggestions | suggest 3 questions",
    ),
    (
        &[(Side, 4), (Summarisation, 4)],
        "conversation title | title for this conversation | title for the conversation | title for this chat |
         chat title | concise title | short title | generate a title | 3-5 word title |
         summarize this coding conversation | summarise this conversation | summarize this conversation |
         summarize the conversation so far | title that captures | thread title",
    ),
    (
        &[(Side, 4), (Classification, 4)],
        "isnewtopic | new conversation topic | command_injection_detected | is this command safe | policy_spec |
         safety check | next speaker | who should speak next",
    ),
    // Amounts asked for
    (
        &[(Quantity, 4)],
        "how many | how much | how far | how long | how old | what percentage | what percent | wie viele | wie viel |
         combien | cuántos | cuántas | cuánto | quantos | quanti | колько | 多少 | 几个 | いくつ | いくら | how tall | how big |
         how heavy | how fast | how often | how much is | how many of | wieviel | wie lange dauert | wie hoch |
         cuánta | quanto | quanta | quanti anni | ile | kaç | 几 | 一共 | 总共 | 何個 | 何円 | 何人 | 얼마 | 몇 | कितन |
         what fraction | what share | cheaper | what's the total | what is the total",
    ),
    (
        &[(Quantity, 2)],
        "in total | altogether | total | each | per | twice | half | times as | percent | difference | average |
         remaining | left | profit | cost | costs | price | dollars | cents | miles | hours | minutes | more than |
         as many | pro stück | insgesamt | au total | en total | сего | amount | together | times | combined |
         double | triple | less than | pounds | feet | inches | dozen | years old | total number",
    ),
    // Conditions on the answer
    (
        &[(Constraint, 2)],
        "must | must not | exactly | at least | at most | no more than | no fewer than | without using | do not |
         don't | ensure | make sure | only use | should not | each sentence | avoid | constraint | constraints |
         requirement | requirements | in the format | following format | strictly | under the condition | subject to |
         muss | müssen | genau | mindestens | höchstens | ohne | doit | au moins | exactement | sans utiliser | debe |
         al menos | exactamente | sin usar | deve | олжен | олжна | е менее | е более | 必须 | 至少 | 不超过 | 不要 | 必ず | 以内 |
         at the latest | may not exceed | no later than | spätestens | nicht mehr als | au plus | au maximum |
         como máximo | no más de | no máximo | al massimo | minstens | hoogstens | maksymalnie",
    ),
    // Work in several steps
    (
        &[(Step, 2)],
        "step by step | first | first, | second, | third, | then | after that | finally | next, | afterwards |
         once done | in order | phase | zuerst | danach | anschließend | schließlich | d'abord | ensuite | puis |
         enfin | primero | luego | después | finalmente | начала | атем | 首先 | 然后 | 最后 | まず | 次に | 最後に",
    ),
    // Work that is hard in itself
    (
        &[(Depth, 3)],
        "analyse | analyze | analysis | compare | contrast | justify | critically | rigorous | rigorously | in depth |
         in-depth | comprehensive | thorough | thoroughly | detailed | architecture | design a | optimise | optimize |
         optimal | edge cases | failure modes | scalab* | implications | hypothesis | derive | prove | proof |
         research | nuanced | evaluate the | counterexample | trade off | low-latency | fault tolerance |
         fault-tolerant | consistency model | cryptograph* | quantum | statute | jurisdiction |
         differential diagnosis | analysiere | vergleiche | begründe | ausführlich | entwirf | analysez | comparez |
         analyse détaillée | justifiez | analiza | compara | justifica | analise | роанализир* | равни | основан |
         分析 | 比较 | 比較 | 设计 | 設計 | 深入 | 详细",
    ),
    // Short answers
    (
        &[(Brief, 4)],
        "one word | single word | in one sentence | one sentence | only the answer | just the answer |
         only the letter | answer only | only answer | reply with only | respond with only | briefly | in brief |
         short answer | be concise | no explanation | in einem satz | ein wort | nur die antwort | en une phrase |
         en un mot | en una frase | en una palabra | дним словом | 一句话 | 一言で | a number only | only a number |
         only the number | one line | answer with | just the number | just the name | one per word | only the code |
         just the letter | in one word | con una parola | una parola sola | in één woord | jednym słowem | 한 단어로 |
         一个词 | 只回答 | reply only with | only output | output only | just one word | nur eine zahl | nur die zahl |
         seulement le mot | un seul mot | sólo la palabra | solo la palabra | só a palavra | apenas a palavra |
         solo la parola | alleen het woord | tylko słowo | олько слово | 只输出 | 只需回答 | だけ答え | のみ回答 | 만 답 |
         sadece kelime",
    ),
    // Things to do
    (
        &[(Act, 3)],
        "book | book me | cancel | reschedule | check whether | check if | check that | send | send it | forward |
         notify | remind | ping | nudge | invite | assign | reassign | close all | close the | open the | open a |
         reopen | archive | delete | remove | move | move the | rename | upload | download | export | redeploy |
         roll back | rollback | restart | reboot | rerun | re-run | rerun the | run the | kick off | look up |
         find me | find all | find the | search for | search | pull up | update | update the | set the | set up |
         set it | reorder | order | buy | pay | renew | create a ticket | create a | create an | create | add |
         post it | put them | put it there | tell | let me know | when you're done | once that's done | if it fails |
         if it's still | if not, | close | merge | block | unblock | approve | reserve | register | log it | save it |
         mark | page | stop the | start the | fetch | dm me | cc | buche | buch | storniere | verschieb* | schick* |
         leite | informier* | benachrichtig* | erinner* | lösch* | starte | prüf* | schau nach | such | suche |
         finde | leg | lege | erstelle | aktualisier* | bestell* | setz | setze | bescheid | trag | trage | sag |
         häng | réserve* | annule* | envoie* | préviens | vérifie* | cherche* | trouve* | relance | supprime* |
         déplace* | crée | ajoute* | mets à jour | ouvre | ferme | lance | redémarre* | commande | transfère* |
         reserva | cancela | envía* | manda | avisa* | revisa | busca | borra | mueve | crea | añade | actualiza |
         abre | cierra | reinicia | comprueba | agenda | remarca | envia | verifica | procura | apaga | cria |
         adiciona | atualiza | fecha | marca | confere | prenota | annulla | invia | avvisa | controlla | cerca |
         trova | cancella | sposta | aggiungi | aggiorna | apri | chiudi | riavvia | fissa | boek | annuleer | stuur |
         zoek | controleer | verplaats | verwijder | zet | herstart | zarezerwuj | anuluj | wyślij | sprawdź |
         znajdź | usuń | przenieś | utwórz | dodaj | zaktualizuj | powiadom | uruchom | zamów | zamknij | otwórz |
         абронируй | тмени | тправь | роверь | айди | удали | перенеси | оздай | обавь | бнови | уведоми | апусти |
         ерезапусти | акажи | азначь | аздай | апомни | закрой | ткрой | 帮我订 | 取消 | 发送 | 发给 | 通知 | 查一下 | 检查 | 删除 |
         重启 | 创建 | 更新 | 预订 | 提醒 | 查询 | 关闭 | 打开 | 予約 | キャンセル | 送って | 送信 | 確認して | 検索 | 削除 | 再起動 | 作成して | 登録 | 手配 | 調べて |
         移動して | 예약 | 취소 | 보내 | 확인해 | 검색 | 삭제 | 재시작 | 배포 | 업데이트 | 알려줘 | 등록 | 돌리고 | 찾아 | bul | gönder | iptal |
         kontrol et | sil | ekle | güncelle | oluştur | hatırlat* | başlat | kapat | taşı | احجز | أرسل | تحقق |
         ابحث | احذف | बुक | रद्द | भेज | खोज | go through my | go through the | log in | log into | sign in |
         correct it | commit it | push it | push to | ask him | ask her | ask them | take the | get me | grab me |
         clear the | clean up | clean out | turn on | turn off | switch on | switch off | enable | disable |
         escalate to | submit | file a | file the | attach | attach the | copy the | copy it | sync | share it |
         share the | share with | print out | mute | snooze | subscribe | unsubscribe me | onboard | offboard |
         extend the | shift the | swap the | do it for | descarga* | sube | súbe* | entra en | entra | adjunta* |
         comparte* | baixa | baixe | faça | sobe | anexa | entre no | carica | scarica | accedi | allega | invita |
         condividi | télécharge* | connecte-toi | connecte | joins | partage* | melde dich | logg | lad | lade |
         hänge | teile | öffne | schließ* | mach | kopier* | frag | frage | ruf | stell | stelle | nodig | deel |
         voeg | sluit | haal op | zaloguj | pobierz | wgraj | załącz | zaproś | udostępnij | ойди | качай | агрузи |
         рикрепи | оделись | ригласи | 登录 | 下载 | 上传 | 邀请 | 转发 | 分享 | 添加 | 登入 | 提交 | ログインして | 添付して | 申請 | ダウンロード |
         アップロード | 招待 | 共有して | 転送 | 로그인 | 다운로드 | 업로드 | 초대 | 공유 | 전달 | 추가 | 넣어 | 보고해 | giriş yap | indir | yükle |
         davet et | paylaş | ilet | سجل | حمّل | أضف | شارك | लॉग इन | डाउनलोड | अपलोड | जोड़",
    ),
    (
        &[(Act, 1)],
        "slack | jira | confluence | ticket | tickets | calendar | channel | workspace | inbox | dashboard | staging |
         prod | production | crm | queue | backup | the file | folder | monday | tomorrow | kalender | morgen |
         calendario | agenda de | kanal | 频道 | 日历 | カレンダー | チャンネル | 채널 | takvim | алендар",
    ),
    // Names of languages
    (
        &[(Tongue, 2)],
        "english | french | german | spanish | italian | portuguese | russian | polish | dutch | turkish | chinese |
         mandarin | japanese | korean | arabic | hindi | swedish | danish | norwegian | finnish | czech | greek |
         hungarian | romanian | ukrainian | hebrew | thai | vietnamese | latin | englisch* | französisch* |
         spanisch* | italienisch* | polnisch* | russisch* | deutsch* | türkisch* | niederländisch* | anglais |
         français | allemand | espagnol | inglés | francés | alemán | español | inglês | francês | alemão | espanhol |
         português | inglese | francese | tedesco | spagnolo | italiano | engels | engelse | duits | frans |
         nederlands | spaans | angielsk* | polski | niemieck* | нглийск | емецк | усск | ранцузск | 英文 | 英语 | 中文 |
         法语 | 德语 | 日语 | 西班牙语 | 英語 | 日本語 | 中国語 | ドイツ語 | フランス語 | 영어 | 한국어 | 일본어 | ingilizce | türkçe | almanca |
         الإنجليزية | العربية | अंग्रेज़ी | हिंदी",
    ),
    // One out of several
    (
        &[(Choice, 2)],
        "or | oder | ou | или | 还是 | または | それとも | 또는 | 아니면 | veya | yoksa | czy",
    ),
    // A material spoken of
    (
        &[(Given, 2)],
        "below | the following | following | this text | this email | this mail | this message | this review |
         this ticket | this article | above | attached | quoted | here's | here is | these | folgende* | folgend* |
         diesen text | unten | hier ist | ci-dessous | suivant | suivante | ce texte | abajo | siguiente |
         siguientes | este texto | abaixo | seguinte | este e-mail | sotto | seguente | questo testo | hieronder |
         volgende | poniżej | następując* | иже | ледующ | 下面 | 以下 | 如下 | 次の | 下記 | 아래 | 다음 | aşağıdaki | التالي |
         नीचे | निम्न",
    ),
    // Nothing is wanted
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
         você está aí | tá aí | non ti chiedo | tutto qui | volevo solo | avevo solo | ci sei | zomaar | hoeft niet |
         ben je daar | nic nie | tylko chciał* | jesteś tam | росто хотел | ичего не нужно | е надо отвечать | ы тут |
         ы здесь | 没什么事 | 不用回 | 没事 | 只是想说 | 在吗 | 随便说说 | 特に用 | 返事はいりません | 返信不要 | 聞いてほしかっただけ | いますか | 그냥 그렇다 | 답장 안 |
         그냥 해본 | 있어? | sadece söyle* | cevap vermene gerek | orada mısın | going home now | log off | signing off |
         catch you later | see you tomorrow | talk tomorrow | found the bug myself | found it myself | forget it |
         forget that | laisse tomber | vergiss es | lass gut sein | hat sich erledigt | erledigt | olvídalo | déjalo |
         deixa pra lá | deixa quieto | lascia stare | lascia perdere | laat maar | nieważne | забудь | еважно | 算了 |
         不用了 | 忘れて | 気にしない | 大丈夫です | 됐어 | 괜찮아 | boşver | gerek kalmadı | لا بأس | रहने दो | intended recipient |
         may be privileged | sent from my | original message | forwarded message | solved it myself |
         sorted it myself | all good now | works now | no worries",
    ),
    (
        &[(Chat, 2)],
        "asdf | qwer* | hello? | hi there | hey there | go on | thanks! | perfect, | great, thanks | ok thanks |
         okay thanks | ok, | hmm | lol | haha | test | testing | ping? | danke dir | danke, | vielen dank | merci ! |
         gracias | obrigad* | grazie | bedankt | dzięki | пасибо | 谢谢 | 好的 | 嗯嗯 | 哈哈 | ありがとう | 了解 | ㅋㅋ | ㅎㅎ | 고마워 |
         수고 | teşekkür* | شكرا | धन्यवाद | regards, | best regards | bonne soirée | bonne journée |
         schönen feierabend | schönes wochenende | buenas noches | buen fin de semana | bom fim de semana |
         boa noite | buona serata | buon weekend | fijn weekend | miłego | орошего вечера | орошего дня | 晚安 | 辛苦了 |
         周末愉快 | お疲れ | おやすみ | 잘 자 | iyi geceler | kolay gelsin | تصبح على خير | शुभ रात्रि",
    ),
    // Wishes put as questions
    (
        &[(Polite, 1)],
        "can you | could you | would you | will you | can u | could u | would it be possible | do you mind |
         may i ask you | can i ask you | kannst du | könntest du | können sie | könnten sie | kann mir jemand |
         peux-tu | pouvez-vous | pourriez-vous | pourrais-tu | tu peux | vous pouvez | puedes | podrías |
         puede usted | podría | pode me | você pode | poderia | pode por favor | puoi | potresti | può | potrebbe |
         kun je | kunt u | zou je | zou u | możesz | czy możesz | mógłbyś | mogłabyś | могли бы вы | можешь | ожете |
         могли бы | 你能 | 能不能 | 可以帮 | 能帮我 | もらえますか | いただけますか | くれますか | くれる？ | 주실 수 있 | 줄 수 있 | 줄래 | 주시겠 |
         yapabilir misin | misin | misiniz | هل يمكنك | क्या आप | क्या तुम",
    ),
    // Conditions among things
    (
        &[(Relation, 1)],
        "next to | left of | right of | before | after | unless | only if | neither | either | both | none of |
         except | whenever | whoever | at the same time | older | younger | taller | between | opposite | may not |
         can't | cannot | if | only | never | always | nur wenn | nur | außer | weder | neben | wenn | sauf |
         seulement | ne peut | solo | salvo | antes de | nunca | excepto | só | apenas | antes | depois | tranne |
         prima | dopo | если | только | кроме | 如果 | 只能 | 不能 | 必须先 | のみ | できない | 以外 | 해야 | sadece | eğer | önce |
         sonra",
    ),
    // Words that would say something, and in these say nothing
    (
        &[],
        "the translation | my translation | your translation | our translation | translation file |
         translation of our | the translation of our | the summary | my summary | your summary | our summary |
         summary page | summary stats | executive summary slide | the classification | classification policy |
         our classification | user story | user stories | story point | story points | the poem | the story |
         a poem has | your poem | my poem | error message | the code below explained | the label on | the labels on |
         shipping label | shipping labels | i translate for | write down | the slogan | our slogan | the extract |
         vanilla extract | bug report by | the code of conduct | dress code | zip code | country code | postal code |
         post code | area code | qr code | source of | die zusammenfassung | die übersetzung | la traduction |
         le résumé | la traducción | el resumen | a tradução | o resumo | la traduzione | il riassunto |
         de vertaling | de samenvatting | your story | short stories | ghost story | email address of |
         out of the blue | make sure it | birthday party | gift card | credit card | debit card | business card |
         sim card | badge card | id card | math teacher | history of our | the table is | tables and chairs |
         pub quiz night",
    ),
];
