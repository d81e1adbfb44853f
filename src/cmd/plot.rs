//! Points with labels and lines through some of them, as one SVG. Knows nothing of what they mean.

use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, Ranged, ValueFormatter};
use plotters::coord::types::RangedCoordf64;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// What stands around a plot.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'t> {
    /// Above it.
    pub title: &'t str,
    /// Below it.
    pub x: &'t str,
    /// Beside it.
    pub y: &'t str,
    /// Of the `x`.
    pub scale: Scale,
}

/// How an axis runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Equal distances are equal differences.
    Linear,
    /// Equal distances are equal ratios; all values are above 0.
    Logarithmic,
}

/// Points of one kind and their name in the legend.
#[derive(Clone, Debug)]
pub struct Series {
    /// The name; empty: not in the legend.
    pub name: String,
    /// `x`, `y`, and what stands beside the point; empty: nothing.
    pub points: Vec<(f64, f64, String)>,
}

/// A line and its name in the legend.
#[derive(Clone, Debug)]
pub struct Line {
    /// The name; empty: not in the legend.
    pub name: String,
    /// Its corners, in order.
    pub points: Vec<(f64, f64)>,
    /// How it is drawn.
    pub stroke: Stroke,
}

/// How a line is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stroke {
    /// What the plot is about.
    Thick,
    /// What it is compared with.
    Thin,
    /// What only bounds it.
    Dashed,
    /// The same, told apart from a dashed one.
    Dotted,
}

/// The points that no other beats by less `x` and more `y`, from left to right: a line for a plot of quality over cost.
pub fn frontier(points: impl IntoIterator<Item = (f64, f64)>) -> Vec<(f64, f64)> {
    let mut points: Vec<_> = points.into_iter().collect();
    points.sort_by(|one, other| one.0.total_cmp(&other.0).then(other.1.total_cmp(&one.1)));
    let mut best = f64::NEG_INFINITY;
    points.retain(|(_, y)| {
        let beaten = *y <= best;
        best = best.max(*y);
        !beaten
    });
    points
}

/// Draws a plot; its text as an SVG file holds it. The same input gives the same bytes.
pub fn svg(frame: &Frame<'_>, series: &[Series], lines: &[Line]) -> Result<String, String> {
    let spreads = Spread::of(frame.scale, series, lines)?;
    let width = spreads.0;
    let mut text = String::new();
    let root = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
    let drawn = match frame.scale {
        Scale::Linear => draw(&root, frame, (series, lines), (width.from..width.to, spreads)),
        Scale::Logarithmic => {
            draw(&root, frame, (series, lines), ((width.from..width.to).log_scale(), spreads))
        }
    };
    drop(root);
    drawn.map_err(|error| format!("the plot could not be drawn: {error}"))?;
    Ok(text)
}

const SIZE: (u32, u32) = (1000, 700);
const FONT: &str = "sans-serif";
/// Most points of one plot.
const MOST_POINTS: usize = 20_000;
/// Beyond the outermost points, in parts of the distance between them.
const MARGIN: f64 = 0.08;
/// Told apart also by those who do not tell red from green.
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    GREY,
];
/// Of dashed lines and of the first points of a plot with lines of its own.
const GREY: RGBColor = RGBColor(86, 86, 86);

type Canvas<'t> = DrawingArea<SVGBackend<'t>, Shift>;
type Chart<'c, 't, X> = ChartContext<'c, SVGBackend<'t>, Cartesian2d<X, RangedCoordf64>>;
type Failure<'t> = DrawingAreaErrorKind<<SVGBackend<'t> as DrawingBackend>::ErrorType>;

/// What one axis shows.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Spread {
    from: f64,
    to: f64,
}

impl Spread {
    /// Of both axes.
    fn of(scale: Scale, series: &[Series], lines: &[Line]) -> Result<(Self, Self), String> {
        let labelled = series.iter().flat_map(|one| one.points.iter().map(|(x, y, _)| (*x, *y)));
        let points: Vec<_> = labelled.chain(lines.iter().flat_map(|line| line.points.clone())).collect();
        if points.is_empty() {
            return Err("there is nothing to plot".to_owned());
        }
        if points.len() > MOST_POINTS {
            return Err(format!("{} points are more than one plot can show ({MOST_POINTS})", points.len()));
        }
        if !points.iter().all(|(x, y)| x.is_finite() && y.is_finite()) {
            return Err("a point to plot is not a number".to_owned());
        }
        let (x, y) = (points.iter().map(|(x, _)| *x), points.iter().map(|(_, y)| *y));
        let width = match scale {
            Scale::Linear => Self::around(x),
            Scale::Logarithmic if x.clone().all(|x| x > 0.0) => {
                let Self { from, to } = Self::with_space(x.map(f64::log10));
                Self { from: 10_f64.powf(from), to: 10_f64.powf(to) }
            }
            Scale::Logarithmic => {
                return Err("a point at 0 or below has no place on a logarithmic axis".to_owned());
            }
        };
        Ok((width, Self::around(y)))
    }

    /// What cannot be negative is not shown as if it could.
    fn around(values: impl Iterator<Item = f64> + Clone) -> Self {
        let Self { from, to } = Self::with_space(values.clone());
        Self { from: if values.fold(f64::INFINITY, f64::min) >= 0.0 { from.max(0.0) } else { from }, to }
    }

    fn with_space(values: impl Iterator<Item = f64> + Clone) -> Self {
        let (low, high) =
            (values.clone().fold(f64::INFINITY, f64::min), values.fold(f64::NEG_INFINITY, f64::max));
        let space = match high - low {
            0.0 if low == 0.0 => 1.0,
            0.0 => low.abs() * MARGIN,
            distance => distance * MARGIN,
        };
        Self { from: low - space, to: high + space }
    }

    /// A value with as many decimals as tell it from its neighbours.
    fn text(self, value: f64) -> String {
        let decimals = (1.0 - (self.to - self.from).log10().floor()).clamp(0.0, 12.0) as usize;
        format!("{value:.decimals$}")
    }
}

fn draw<'t, X: Ranged<ValueType = f64> + ValueFormatter<f64>>(
    root: &Canvas<'t>,
    frame: &Frame<'_>,
    (series, lines): (&[Series], &[Line]),
    (x, (width, height)): (impl AsRangedCoord<CoordDescType = X, Value = f64>, (Spread, Spread)),
) -> Result<(), Failure<'t>> {
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(root)
        .caption(frame.title, (FONT, 20))
        .margin(16)
        .x_label_area_size(48)
        .y_label_area_size(72)
        .build_cartesian_2d(x, height.from..height.to)?;
    chart
        .configure_mesh()
        .x_desc(frame.x)
        .y_desc(frame.y)
        .x_labels(8)
        .y_labels(8)
        .x_label_formatter(&|value| match frame.scale {
            Scale::Linear => width.text(*value),
            Scale::Logarithmic => format!("{value}"),
        })
        .y_label_formatter(&|value| height.text(*value))
        .label_style((FONT, 16))
        .light_line_style(TRANSPARENT)
        .draw()?;
    draw_lines(&mut chart, lines)?;
    let coloured = lines.iter().any(|line| matches!(line.stroke, Stroke::Thick | Stroke::Thin));
    draw_points(&mut chart, series, coloured)?;
    label(root, &chart, series)?;
    let mut names = series
        .iter()
        .map(|one| &one.name)
        .chain(lines.iter().map(|line| &line.name))
        .filter(|name| !name.is_empty());
    if names.next().is_some() {
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::LowerRight)
            .label_font((FONT, 16))
            .background_style(WHITE.mix(0.8))
            .border_style(BLACK.mix(0.3))
            .draw()?;
    }
    root.present()
}

fn draw_lines<'t, X: Ranged<ValueType = f64>>(
    chart: &mut Chart<'_, 't, X>,
    lines: &[Line],
) -> Result<(), Failure<'t>> {
    let mut colours = COLOURS.into_iter().cycle();
    for line in lines {
        let (colour, width, (dash, gap)) = match line.stroke {
            Stroke::Thick => (colours.next().unwrap_or(GREY), 3, UNBROKEN),
            Stroke::Thin => (colours.next().unwrap_or(GREY), 2, UNBROKEN),
            Stroke::Dashed => (GREY, 1, DASHES),
            Stroke::Dotted => (GREY, 2, DOTS),
        };
        let style = colour.stroke_width(width);
        let path = DashedPathElement::new(line.points.clone(), dash, gap, style);
        let drawn = chart.draw_series(std::iter::once(path))?;
        if !line.name.is_empty() {
            drawn.label(&line.name).legend(move |(x, y)| {
                DashedPathElement::new(vec![(x, y), (x + 16, y)], dash.min(4), gap.min(3), style)
            });
        }
    }
    Ok(())
}

/// Lengths of a dash and of what is left out after it.
const DASHES: (i32, i32) = (7, 4);
const DOTS: (i32, i32) = (2, 5);
/// Longer than any line.
const UNBROKEN: (i32, i32) = (1_000_000, 0);

/// Beside lines with colours of their own points take theirs from the other end.
fn draw_points<'t, X: Ranged<ValueType = f64>>(
    chart: &mut Chart<'_, 't, X>,
    series: &[Series],
    beside_colours: bool,
) -> Result<(), Failure<'t>> {
    for (at, series) in series.iter().enumerate() {
        let at = at % COLOURS.len();
        let colour = COLOURS[if beside_colours { COLOURS.len() - 1 - at } else { at }];
        let dots = series.points.iter().map(|(x, y, _)| Circle::new((*x, *y), DOT, colour.filled()));
        let drawn = chart.draw_series(dots)?;
        if !series.name.is_empty() {
            drawn.label(&series.name).legend(move |(x, y)| Circle::new((x + 8, y), DOT, colour.filled()));
        }
    }
    Ok(())
}

/// Radius of a point.
const DOT: i32 = 5;
/// Size of a label's letters; height of its line, and what a letter is taken to be wide.
const LETTER: i32 = 13;
const TEXT: (i32, i32) = (14, 7);
/// Places that are tried for a label on each side of its point.
const TRIES: i32 = 24;

/// A rectangle: left, top, right, bottom.
type Place = (i32, i32, i32, i32);

fn meet(one: &Place, other: &Place) -> bool {
    one.0 < other.2 && other.0 < one.2 && one.1 < other.3 && other.1 < one.3
}

/// The nearest place beside a point where nothing stands yet; the first one where there is none.
fn free_place((x, y): (i32, i32), width: i32, taken: &[Place]) -> Place {
    let beside = |step: i32| {
        // 0, 1, -1, 2, -2, ...: on one line with the point, below, above, further below.
        let line = y + TEXT.0 * if step % 2 == 0 { -step / 2 } else { step / 2 + 1 };
        let (top, bottom) = (line - TEXT.0 / 2, line + TEXT.0 / 2);
        let (right, left) = (x + 2 * DOT, x - 2 * DOT);
        [(right, top, right + width, bottom), (left - width, top, left, bottom)]
    };
    let (edge, floor) = (SIZE.0 as i32, SIZE.1 as i32);
    let inside = |place: &Place| place.0 >= 0 && place.1 >= 0 && place.2 <= edge && place.3 <= floor;
    let free = |place: &Place| inside(place) && !taken.iter().any(|other| meet(place, other));
    (0..TRIES).flat_map(beside).find(free).unwrap_or(beside(0)[0])
}

/// Writes the labels beside their points, each where nothing stands yet; a thin line leads to one that had to go further.
fn label<'t, X: Ranged<ValueType = f64>>(
    root: &Canvas<'t>,
    chart: &Chart<'_, 't, X>,
    series: &[Series],
) -> Result<(), Failure<'t>> {
    let points: Vec<((i32, i32), &str)> = series
        .iter()
        .flat_map(|one| &one.points)
        .map(|(x, y, label)| (chart.backend_coord(&(*x, *y)), label.as_str()))
        .collect();
    let mut taken: Vec<Place> =
        points.iter().map(|((x, y), _)| (x - DOT, y - DOT, x + DOT, y + DOT)).collect();
    for ((x, y), text) in points.into_iter().filter(|(_, text)| !text.is_empty()) {
        let width = TEXT.1 * i32::try_from(text.chars().count()).unwrap_or(i32::MAX / 16);
        let place = free_place((x, y), width, &taken);
        taken.push(place);
        let middle = (place.1 + place.3) / 2;
        let (side, at) = if place.0 > x { (HPos::Left, place.0) } else { (HPos::Right, place.2) };
        if middle != y {
            root.draw(&PathElement::new([(x, y), (at, middle)], BLACK.mix(0.4).stroke_width(1)))?;
        }
        let style = (FONT, LETTER).into_font().color(&BLACK).pos(Pos::new(side, VPos::Center));
        root.draw(&Text::new(text.to_owned(), (at, middle), style))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(points: &[(f64, f64, &str)]) -> Series {
        let points = points.iter().map(|(x, y, label)| (*x, *y, (*label).to_owned())).collect();
        Series { name: "ways".to_owned(), points }
    }

    const FRAME: Frame<'_> = Frame { title: "title", x: "cost", y: "quality", scale: Scale::Linear };

    #[test]
    fn a_plot_shows_every_point_label_axis_and_line() {
        let points = series(&[(0.1, 0.7, "small"), (1.5, 0.9, "large <&>"), (0.8, 0.85, "")]);
        let line =
            |name: &str, stroke| Line { name: name.to_owned(), points: vec![(0.1, 0.7), (1.5, 0.9)], stroke };
        let lines =
            [line("frontier", Stroke::Dashed), line("ours", Stroke::Thick), line("theirs", Stroke::Thin)];
        let text = svg(&FRAME, std::slice::from_ref(&points), &lines).unwrap();
        for part in [
            "<svg",
            "title",
            "cost",
            "quality",
            "small",
            "large &lt;&amp;&gt;",
            "ways",
            "frontier",
            "ours",
            "theirs",
            "</svg>",
        ] {
            assert!(text.contains(part), "`{part}` is missing:\n{text}");
        }
        assert_eq!(text.matches("<circle").count(), 4, "three points and one in the legend");
        assert_eq!(svg(&FRAME, &[points], &lines), Ok(text), "the same again");
    }

    #[test]
    fn labels_do_not_stand_on_each_other_or_on_a_point() {
        let mut taken = vec![(495, 295, 505, 305), (515, 295, 525, 305)];
        for _ in 0..20 {
            let place = free_place((500, 300), 100, &taken);
            assert!(!taken.iter().any(|other| meet(&place, other)), "{place:?} of {taken:?}");
            taken.push(place);
        }
        assert_eq!(free_place((990, 300), 100, &[]).2, 980, "to the left at the right edge");
        let everywhere = [(0, 0, 1000, 700)];
        assert_eq!(
            free_place((500, 300), 100, &everywhere),
            (510, 293, 610, 307),
            "rather on another than nowhere"
        );
    }

    #[test]
    fn a_logarithmic_axis_shows_equal_ratios_at_equal_distances() {
        let frame = Frame { scale: Scale::Logarithmic, ..FRAME };
        let text = svg(&frame, &[series(&[(0.1, 0.1, ""), (1.0, 0.2, ""), (10.0, 0.3, "")])], &[]).unwrap();
        let x: Vec<i32> = text
            .match_indices("cx=\"")
            .map(|(at, found)| text[at + found.len()..].split('"').next().unwrap().parse().unwrap())
            .collect();
        assert!(((x[1] - x[0]) - (x[2] - x[1])).abs() <= 1, "{x:?}");
        for label in [">\n0.1\n<", ">\n1\n<", ">\n10\n<"] {
            assert!(text.contains(label), "{label} is missing:\n{text}");
        }
        let fault = svg(&frame, &[series(&[(0.0, 1.0, "")])], &[]).unwrap_err();
        assert!(fault.contains("logarithmic"), "{fault}");
    }

    #[test]
    fn what_cannot_be_plotted_is_said() {
        assert!(svg(&FRAME, &[], &[]).unwrap_err().contains("nothing"));
        let odd = series(&[(f64::NAN, 1.0, "")]);
        assert!(svg(&FRAME, &[odd], &[]).unwrap_err().contains("not a number"));
        let many = Series { name: String::new(), points: vec![(1.0, 1.0, String::new()); MOST_POINTS + 1] };
        assert!(svg(&FRAME, &[many], &[]).unwrap_err().contains("more than"));
        for point in [(0.0, 0.0, ""), (5.0, -3.0, ""), (1e-9, 1e9, "")] {
            assert!(svg(&FRAME, &[series(&[point])], &[]).is_ok(), "{point:?}");
        }
    }

    #[test]
    fn the_frontier_holds_what_nothing_beats() {
        let points = [(2.0, 0.8), (1.0, 0.5), (3.0, 0.7), (2.0, 0.6), (1.5, 0.5), (4.0, 0.9)];
        assert_eq!(frontier(points), [(1.0, 0.5), (2.0, 0.8), (4.0, 0.9)]);
        assert_eq!(frontier([]), []);
    }

    #[test]
    fn axes_have_the_decimals_they_need() {
        assert_eq!(Spread { from: 0.0, to: 0.004 }.text(0.0012), "0.0012");
        assert_eq!(Spread { from: 0.6, to: 0.9 }.text(0.75), "0.75");
        assert_eq!(Spread { from: 0.0, to: 500.0 }.text(100.0), "100");
    }
}
