//! A number in a short text, with its unit and with what is said of it.

/// Longest text in which a number is looked for, bytes.
const MAX_LONG: usize = super::MAX_SHORT;

/// Words that say nothing of a number they stand around.
const FILLER: &str = "the a an so thus hence therefore then answer final correct result is are was were be would will equals it this that \
    there here total altogether overall exactly we have has get gives makes costs takes";
/// Two words that together say nothing.
const FILLER_PAIRS: [(&str, &str); 4] = [("in", "all"), ("in", "total"), ("total", "of"), ("equal", "to")];
/// What a sentence may say again of the question, where another answer is the number alone.
const SUBJECTS: &str = "value sum cost price number amount count probability chance share rate speed distance time duration age year \
    temperature population length width height weight area perimeter volume average mean median product quotient remainder \
    difference solution he she they";
/// Units short enough to be taken for a variable or a multiplier. Others of three letters or less count only where both have them.
const SHORT_UNITS: &str = "cm mm km kg mg ml ms hz kB KB MB GB TB ft lb lbs oz hr hrs kW kWh min sec day USD EUR yen cup egg box pen car ton mph";
/// Words behind a number that say how much it is, not of what.
const NO_UNITS: &str = "dozen dozens hundred hundreds thousand thousands score gross lakh crore pair pairs couple couples half halves third \
    thirds quarter quarters fourths fifths sixths sevenths eighths ninths tenths hundredths thousandths times fold squared \
    cubed factorial tausend hundert dutzend alpha beta gamma delta theta lambda sigma omega below above under over less \
    more fewer plus minus negative earlier later late early behind ahead before after each down higher lower greater \
    smaller short extra apart away north south east west noon midnight lots grand cent cents exclusive inclusive maybe \
    perhaps possibly probably approximately roughly incorrect wrong false invalid true";

/// A value, what it counts, and what is said of it.
#[derive(Debug, PartialEq)]
pub(super) struct Number {
    value: f64,
    unit: Option<Unit>,
    /// The words around it that say something; it itself is `#`, or where they name something, as it is written: version 2.10.
    about: String,
}

#[derive(Debug, PartialEq)]
struct Unit {
    name: String,
    /// Whether a number without a unit may mean it.
    may_be_left_out: bool,
}

fn listed(list: &str, word: &str) -> bool {
    list.split_whitespace().any(|known| known == word)
}

impl Number {
    /// The number in a short text, where there is one and no relation.
    pub(super) fn of(plain: &str) -> Option<Self> {
        if plain.len() > MAX_LONG || plain.contains(['<', '>', '≤', '≥', '≠', '≈', '~', '±', '!', '|'])
        {
            return None;
        }
        // Of a calculation what stands behind its equals sign, of an equation the name too.
        let Some((left, right)) = plain.split_once('=') else { return Self::among(plain) };
        let name = name(left)?;
        let number = Self::among(right).filter(|number| number.about == "#")?;
        Some(if name.is_empty() { number } else { Self { about: format!("{name} = #"), ..number } })
    }

    /// Whether it is a number and nothing else but a currency.
    pub(super) fn is_bare(&self) -> bool {
        self.about == "#"
            && self.unit.as_ref().is_none_or(|unit| matches!(unit.name.as_str(), "$" | "€" | "£" | "¥"))
    }

    pub(super) fn same(&self, other: &Self) -> bool {
        // Room for one division, no more: decimals of fifteen digits that differ are further apart.
        let close =
            (self.value - other.value).abs() <= 2.0 * f64::EPSILON * self.value.abs().max(other.value.abs());
        let unit = match (&self.unit, &other.unit) {
            (Some(one), Some(other)) => one.name == other.name,
            (Some(unit), None) | (None, Some(unit)) => unit.may_be_left_out,
            (None, None) => true,
        };
        let about = self.about == other.about
            || (self.about == "#" && says_again(&other.about))
            || (other.about == "#" && says_again(&self.about));
        close && unit && about
    }

    /// The one number among words.
    fn among(text: &str) -> Option<Self> {
        if let Some(value) = fraction(text.trim()) {
            return Some(Self { value, unit: None, about: "#".to_owned() });
        }
        let words: Vec<&str> = text
            .split_whitespace()
            .map(|word| word.trim_end_matches([',', ';', ':']))
            .filter(|word| !word.is_empty())
            .collect();
        let folded: Vec<String> = words.iter().map(|word| word.to_lowercase()).collect();
        let mut numbers = (0..words.len()).filter(|at| words[*at].contains(char::is_numeric));
        let (at, None) = (numbers.next()?, numbers.next()) else { return None };
        let (mut value, mut unit) = numeral(words[at])?;
        let kept = telling(&folded, at);
        let mut about: Vec<&str> =
            kept.iter().map(|kept| if *kept == at { "#" } else { folded[*kept].as_str() }).collect();
        // A unit ends the sentence; what goes on is about something else.
        if unit.is_none() && kept.last() == Some(&(at + 1)) {
            match folded[at + 1].as_str() {
                "%" | "percent" => value /= 100.0,
                _ => unit = Some(Unit::of(words[at + 1], false)?),
            }
            about.pop();
        }
        let about = about.join(" ");
        let names = about != "#" && !says_again(&about);
        let about = if names { about.replace('#', &folded[at]) } else { about };
        Some(Self { value, unit, about })
    }
}

impl Unit {
    fn of(word: &str, attached: bool) -> Option<Self> {
        let lower = word.to_lowercase();
        let may_be_left_out = true;
        match lower.as_str() {
            "$" | "dollar" | "dollars" => return Some(Self { name: "$".to_owned(), may_be_left_out }),
            "€" | "euro" | "euros" => return Some(Self { name: "€".to_owned(), may_be_left_out }),
            "°" | "°c" | "°f" => return Some(Self { name: lower, may_be_left_out }),
            _ => {}
        }
        let first = word.chars().next()?;
        let letters = word
            .chars()
            .all(|letter| letter.is_alphabetic() || matches!(letter, '°' | '/' | '²' | '³' | '·'));
        if !letters || !(first.is_alphabetic() || first == '°') {
            return None;
        }
        let long = word.len() > 3 && !attached && word.bytes().all(|byte| byte.is_ascii_alphabetic());
        let multiplies = ["mill", "bill", "trill"].iter().any(|begin| lower.starts_with(begin));
        let counts = long && !multiplies && !listed(NO_UNITS, &lower);
        // The case of a short one says something: mW and MW.
        let name = if word.chars().count() <= 3 { word.to_owned() } else { lower };
        let may_be_left_out = counts || listed(SHORT_UNITS, word);
        Some(Self { name, may_be_left_out })
    }
}

/// Which words say something, the number among them.
fn telling(folded: &[String], number: usize) -> Vec<usize> {
    let pair = |at: usize| match (folded.get(at), folded.get(at + 1)) {
        (Some(one), Some(other)) => FILLER_PAIRS.contains(&(one.as_str(), other.as_str())),
        _ => false,
    };
    let says_nothing = |at: usize| {
        let year = at == 0 && number == 1 && folded[at] == "in";
        at != number && (listed(FILLER, &folded[at]) || pair(at) || (at > 0 && pair(at - 1)) || year)
    };
    (0..folded.len()).filter(|at| !says_nothing(*at)).collect()
}

/// What stands before an equals sign: the name of what it is, empty for a calculation.
fn name(left: &str) -> Option<String> {
    let left = left.replace("\\times", "*").replace("\\cdot", "*").to_lowercase();
    // `a = 5` names it, whatever the word says elsewhere.
    let words = left.split_whitespace().map(|word| word.trim_end_matches(':'));
    let names = |word: &str| left.trim().len() == word.len() || !listed(FILLER, word);
    let words: Vec<&str> = words.filter(|word| names(word)).collect();
    let name = words.join(" ");
    let calculated = |letter: char| letter.is_ascii_digit() || " +-*/×÷·.,()%$€".contains(letter);
    if name.chars().all(calculated) && !name.contains(", ") {
        return Some(String::new());
    }
    name.chars().all(|letter| letter.is_alphabetic() || letter == ' ').then_some(name)
}

/// Whether what is said of a number says the question again.
fn says_again(about: &str) -> bool {
    let Some(subject) = about.strip_suffix(" #") else { return false };
    let (subject, named) = subject.strip_suffix(" =").map_or((subject, false), |subject| (subject, true));
    listed(SUBJECTS, subject) || (named && subject.chars().count() == 1)
}

/// A fraction of TeX.
fn fraction(text: &str) -> Option<f64> {
    let (text, sign) = text.strip_prefix('-').map_or((text, 1.0), |text| (text, -1.0));
    let inside = ["\\frac{", "\\dfrac{", "\\tfrac{"].iter().find_map(|mark| text.strip_prefix(mark))?;
    let (above, below) = inside.strip_suffix('}')?.split_once("}{")?;
    let below = decimal(below).filter(|below| *below != 0.0)?;
    Some(sign * decimal(above)? / below)
}

/// A word that is a number, but for one unit or currency.
fn numeral(word: &str) -> Option<(f64, Option<Unit>)> {
    let (word, currency) = match word.chars().next()? {
        mark @ ('$' | '€' | '£' | '¥') => (word.get(mark.len_utf8()..)?, Some(mark)),
        _ => (word, None),
    };
    let other = |letter: char| !matches!(letter, '0'..='9' | '.' | ',' | '-' | '+' | '/');
    let digits = word.find(other).unwrap_or(word.len());
    let (value, unit) = word.split_at(digits + exponent(&word[digits..]));
    let value = match value.split_once('/') {
        Some((above, below)) => {
            let below = decimal(below).filter(|below| *below != 0.0)?;
            decimal(above)? / below
        }
        None => decimal(value)?,
    };
    match (unit, currency) {
        ("", None) => Some((value, None)),
        ("", Some(mark)) => Some((value, Some(Unit { name: mark.to_string(), may_be_left_out: true }))),
        ("%", None) => Some((value / 100.0, None)),
        (_, Some(_)) => None,
        (unit, None) => Some((value, Some(Unit::of(unit, true)?))),
    }
}

/// How long the exponent is that a text begins with.
fn exponent(text: &str) -> usize {
    let Some(behind) = text.strip_prefix(['e', 'E']) else { return 0 };
    let digits = behind.strip_prefix(['-', '+']).unwrap_or(behind);
    let rest = digits.trim_start_matches(|letter: char| letter.is_ascii_digit());
    if rest.len() == digits.len() { 0 } else { text.len() - rest.len() }
}

/// Digits, with commas only where they part thousands: `1,5` may be one and a half or a list. No more of them than are told apart,
/// and none that begin with a zero as codes do.
fn decimal(text: &str) -> Option<f64> {
    let text = text.trim();
    let (whole, parts) = text.split_once('.').unwrap_or((text, ""));
    let whole = whole.trim_start_matches(['-', '+']);
    let mut groups = whole.split(',');
    let first = groups.next()?;
    let parted = whole.contains(',');
    if parted && (first.is_empty() || first.len() > 3 || !groups.all(|group| group.len() == 3)) {
        return None;
    }
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    if parts.contains(',') || digits > 15 || (whole.starts_with('0') && whole.len() > 1) {
        return None;
    }
    text.replace(',', "").parse().ok().filter(|number: &f64| number.is_finite())
}
