//! Points with labels and lines through some of them, as one SVG. Knows nothing of what they mean.

use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

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
pub fn svg(title: &str, axes: (&str, &str), series: &[Series], lines: &[Line]) -> Result<String, String> {
    let (width, height) = Spread::of(series, lines)?;
    let mut text = String::new();
    let root = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
    let drawn = draw(&root, (title, axes), (series, lines), (width, height));
    drop(root);
    drawn.map_err(|error| format!("the plot could not be drawn: {error}"))?;
    Ok(text)
}

const SIZE: (u32, u32) = (900, 600);
const FONT: &str = "sans-serif";
/// Most points of one plot.
const MOST_POINTS: usize = 20_000;
/// Beyond the outermost points, in parts of the distance between them.
const MARGIN: f64 = 0.08;
/// Told apart also by those who do not tell red from green.
const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 86, 86),
];

type Canvas<'t> = DrawingArea<SVGBackend<'t>, Shift>;
type Chart<'c, 't> = ChartContext<'c, SVGBackend<'t>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;
type Failure<'t> = DrawingAreaErrorKind<<SVGBackend<'t> as DrawingBackend>::ErrorType>;

/// What one axis shows.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Spread {
    from: f64,
    to: f64,
}

impl Spread {
    /// Of both axes.
    fn of(series: &[Series], lines: &[Line]) -> Result<(Self, Self), String> {
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
        Ok((Self::around(points.iter().map(|(x, _)| *x)), Self::around(points.iter().map(|(_, y)| *y))))
    }

    fn around(values: impl Iterator<Item = f64> + Clone) -> Self {
        let (low, high) =
            (values.clone().fold(f64::INFINITY, f64::min), values.fold(f64::NEG_INFINITY, f64::max));
        let space = match high - low {
            0.0 if low == 0.0 => 1.0,
            0.0 => low.abs() * MARGIN,
            distance => distance * MARGIN,
        };
        // What cannot be negative is not shown as if it could.
        let from = if low >= 0.0 { (low - space).max(0.0) } else { low - space };
        Self { from, to: high + space }
    }

    /// A value with as many decimals as tell it from its neighbours.
    fn text(self, value: f64) -> String {
        let decimals = (1.0 - (self.to - self.from).log10().floor()).clamp(0.0, 12.0) as usize;
        format!("{value:.decimals$}")
    }
}

fn draw<'t>(
    root: &Canvas<'t>,
    (title, axes): (&str, (&str, &str)),
    (series, lines): (&[Series], &[Line]),
    (width, height): (Spread, Spread),
) -> Result<(), Failure<'t>> {
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(root)
        .caption(title, (FONT, 22))
        .margin(16)
        .x_label_area_size(48)
        .y_label_area_size(72)
        .build_cartesian_2d(width.from..width.to, height.from..height.to)?;
    chart
        .configure_mesh()
        .x_desc(axes.0)
        .y_desc(axes.1)
        .x_labels(8)
        .y_labels(8)
        .x_label_formatter(&|value| width.text(*value))
        .y_label_formatter(&|value| height.text(*value))
        .label_style((FONT, 16))
        .light_line_style(TRANSPARENT)
        .draw()?;
    let colours = || COLOURS.into_iter().cycle();
    for (line, colour) in lines.iter().zip(colours().skip(COLOURS.len() - 1)) {
        let path = PathElement::new(line.points.clone(), colour.stroke_width(2));
        let drawn = chart.draw_series(std::iter::once(path))?;
        if !line.name.is_empty() {
            drawn
                .label(&line.name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
        }
    }
    for (series, colour) in series.iter().zip(colours()) {
        let dots = series.points.iter().map(|(x, y, _)| Circle::new((*x, *y), 5, colour.filled()));
        let drawn = chart.draw_series(dots)?;
        if !series.name.is_empty() {
            drawn.label(&series.name).legend(move |(x, y)| Circle::new((x + 8, y), 5, colour.filled()));
        }
    }
    label(root, &chart, series)?;
    if series
        .iter()
        .map(|one| &one.name)
        .chain(lines.iter().map(|line| &line.name))
        .any(|name| !name.is_empty())
    {
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

/// Height of a line of text, and what a letter is taken to be wide.
const TEXT: (i32, i32) = (16, 7);
/// Tries to find a free place for a label.
const TRIES: usize = 40;

/// Writes the labels beside their points, each where none stands yet.
fn label<'t>(root: &Canvas<'t>, chart: &Chart<'_, 't>, series: &[Series]) -> Result<(), Failure<'t>> {
    let right_edge = i32::try_from(SIZE.0).unwrap_or(i32::MAX);
    let mut taken: Vec<(i32, i32, i32)> = Vec::new();
    let labelled = series.iter().flat_map(|one| &one.points).filter(|(.., label)| !label.is_empty());
    for (x, y, text) in labelled {
        let (at, mut line) = chart.backend_coord(&(*x, *y));
        let width = TEXT.1 * i32::try_from(text.chars().count()).unwrap_or(i32::MAX / 16);
        let to_the_left = at + 10 + width > right_edge;
        let (from, to) = if to_the_left { (at - 10 - width, at - 10) } else { (at + 10, at + 10 + width) };
        for _ in 0..TRIES {
            let meets = |(left, right, other): &(i32, i32, i32)| {
                from < *right && to > *left && (line - other).abs() < TEXT.0
            };
            if !taken.iter().any(meets) {
                break;
            }
            line += TEXT.0;
        }
        taken.push((from, to, line));
        let side = if to_the_left { HPos::Right } else { HPos::Left };
        let style = (FONT, 16).into_font().color(&BLACK).pos(Pos::new(side, VPos::Center));
        let place = if to_the_left { to } else { from };
        root.draw(&Text::new(text.clone(), (place, line), style))?;
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

    #[test]
    fn a_plot_shows_every_point_label_axis_and_line() {
        let points = series(&[(0.1, 0.7, "small"), (1.5, 0.9, "large <&>"), (0.8, 0.85, "")]);
        let line = Line { name: "frontier".to_owned(), points: vec![(0.1, 0.7), (1.5, 0.9)] };
        let text =
            svg("title", ("cost", "quality"), std::slice::from_ref(&points), std::slice::from_ref(&line))
                .unwrap();
        for part in
            ["<svg", "title", "cost", "quality", "small", "large &lt;&amp;&gt;", "ways", "frontier", "</svg>"]
        {
            assert!(text.contains(part), "`{part}` is missing:\n{text}");
        }
        assert_eq!(text.matches("<circle").count(), 4, "three points and one in the legend");
        assert_eq!(svg("title", ("cost", "quality"), &[points], &[line]), Ok(text), "the same again");
    }

    #[test]
    fn labels_do_not_stand_on_each_other() {
        let text = svg("", ("", ""), &[series(&[(1.0, 1.0, "first"), (1.0, 1.0, "second")])], &[]).unwrap();
        let y = |label: &str| {
            let end = text.find(label).unwrap();
            let start = text[..end].rfind(" y=\"").unwrap() + 4;
            text[start..].split('"').next().unwrap().parse::<i32>().unwrap()
        };
        assert!(y("second") - y("first") >= 13, "{text}");
    }

    #[test]
    fn what_cannot_be_plotted_is_said() {
        assert!(svg("", ("", ""), &[], &[]).unwrap_err().contains("nothing"));
        let odd = series(&[(f64::NAN, 1.0, "")]);
        assert!(svg("", ("", ""), &[odd], &[]).unwrap_err().contains("not a number"));
        let many = Series { name: String::new(), points: vec![(1.0, 1.0, String::new()); MOST_POINTS + 1] };
        assert!(svg("", ("", ""), &[many], &[]).unwrap_err().contains("more than"));
        for point in [(0.0, 0.0, ""), (5.0, -3.0, ""), (1e-9, 1e9, "")] {
            assert!(svg("", ("", ""), &[series(&[point])], &[]).is_ok(), "{point:?}");
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
