//! Plots as SVG, by hand: bars and lines, both on a logarithmic scale, since servers differ by factors.

use std::fmt::Write;

const WIDTH: f64 = 760.0;
/// Readable by those who don't tell red from green.
const COLORS: [&str; 8] =
    ["#0072b2", "#999999", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#555555"];

/// A bar: what it is, its value, whether it is ours.
pub struct Bar {
    pub label: String,
    pub value: f64,
    pub ours: bool,
}

/// Horizontal bars in groups; values are from 1 or `floor` on.
pub fn bars(title: &str, floor: f64, groups: &[(String, Vec<Bar>)]) -> String {
    let all = || groups.iter().flat_map(|(_, bars)| bars).filter(|bar| bar.value.is_finite());
    let top = all().map(|bar| bar.value).fold(floor * 2.0, f64::max);
    let rows: usize = groups.iter().map(|(_, bars)| bars.len() + 1).sum();
    let (left, right) = (190.0, 70.0);
    let scale = |x: f64| (x.max(floor) / floor).ln() / (top / floor).ln() * (WIDTH - left - right);
    let mut svg = Svg::new(title, 44.0 + rows as f64 * 18.0);
    let mut y = 44.0;
    for (name, bars) in groups {
        svg.text(12.0, y + 12.0, "start", "bold", name);
        y += 18.0;
        for bar in bars.iter().filter(|bar| bar.value.is_finite()) {
            let color = if bar.ours { COLORS[0] } else { COLORS[1] };
            let weight = if bar.ours { "bold" } else { "normal" };
            let width = scale(bar.value).max(1.0);
            svg.text(left - 6.0, y + 11.0, "end", weight, &bar.label);
            svg.add(format!(
                r#"<rect x="{left}" y="{:.0}" width="{width:.1}" height="12" fill="{color}"/>"#,
                y + 1.0
            ));
            let value = crate::tables::number(bar.value);
            svg.text(left + width + 5.0, y + 11.0, "start", weight, &value);
            y += 18.0;
        }
    }
    svg.finish(y + 8.0)
}

/// Lines over a logarithmic x axis.
pub fn lines(title: &str, x_label: &str, xs: &[f64], lines: &[(String, Vec<f64>)]) -> String {
    let (left, right, top, bottom) = (60.0, 200.0, 44.0, 380.0);
    let values = || lines.iter().flat_map(|(_, ys)| ys).copied().filter(|y| y.is_finite());
    let low = values().fold(f64::MAX, f64::min) * 0.9;
    let high = values().fold(0.0, f64::max) * 1.1;
    let (first, last) = (xs[0], xs[xs.len() - 1]);
    let x = |v: f64| left + (v / first).ln() / (last / first).ln() * (WIDTH - left - right);
    let y = |v: f64| bottom - (v / low).ln() / (high / low).ln() * (bottom - top);
    let mut svg = Svg::new(title, bottom + 44.0);
    for &v in xs {
        svg.add(format!(r##"<path d="M{:.1} {top}V{bottom}" stroke="#dddddd"/>"##, x(v)));
        svg.text(
            x(v),
            bottom + 16.0,
            "middle",
            "normal",
            &crate::tables::number(v).replace(".00", ""),
        );
    }
    svg.text((left + WIDTH - right) / 2.0, bottom + 34.0, "middle", "normal", x_label);
    for v in ticks(low, high) {
        svg.add(format!(
            r##"<path d="M{left} {:.1}H{:.1}" stroke="#dddddd"/>"##,
            y(v),
            WIDTH - right
        ));
        svg.text(left - 6.0, y(v) + 4.0, "end", "normal", &crate::tables::number(v));
    }
    // Labels at the ends of the lines, far enough apart to be read.
    let mut labels: Vec<(f64, usize)> = vec![];
    for (i, (_, ys)) in lines.iter().enumerate() {
        let color = COLORS[i % COLORS.len()];
        let points: Vec<String> = xs
            .iter()
            .zip(ys)
            .filter(|(_, v)| v.is_finite())
            .map(|(&at, &v)| format!("{:.1},{:.1}", x(at), y(v)))
            .collect();
        svg.add(format!(
            r#"<polyline points="{}" fill="none" stroke="{color}" stroke-width="2"/>"#,
            points.join(" ")
        ));
        if let Some(v) = ys.iter().rev().find(|v| v.is_finite()) {
            labels.push((y(*v), i));
        }
    }
    labels.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut free = top;
    for (at, i) in labels {
        let at = at.max(free);
        free = at + 15.0;
        let color = COLORS[i % COLORS.len()];
        svg.add(format!(
            r#"<text x="{:.1}" y="{:.1}" fill="{color}" font-weight="bold">{}</text>"#,
            WIDTH - right + 8.0,
            at + 4.0,
            escaped(&lines[i].0)
        ));
    }
    svg.finish(bottom + 44.0)
}

/// 1, 2, 5, 10 … between two values.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    let decade = 10f64.powf(low.log10().floor());
    let steps = (0..12).flat_map(|power| [1.0, 2.0, 5.0].map(|m| m * decade * 10f64.powi(power)));
    steps.filter(|v| (low..=high).contains(v)).collect()
}

struct Svg {
    title: String,
    text: String,
}

impl Svg {
    fn new(title: &str, height: f64) -> Self {
        let text = String::with_capacity(height as usize * 40);
        Self { title: title.to_owned(), text }
    }

    fn add(&mut self, element: String) {
        self.text.push_str(&element);
        self.text.push('\n');
    }

    fn text(&mut self, x: f64, y: f64, anchor: &str, weight: &str, text: &str) {
        let _ = writeln!(
            self.text,
            r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}" font-weight="{weight}">{}</text>"#,
            escaped(text)
        );
    }

    fn finish(self, height: f64) -> String {
        let title = escaped(&self.title);
        format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0}" font-family="sans-serif" font-size="12" fill="#222222">
<title>{title}</title>
<rect width="{WIDTH}" height="{height:.0}" fill="#ffffff"/>
<text x="12" y="24" font-size="15" font-weight="bold">{title}</text>
{}</svg>
"##,
            self.text
        )
    }
}

fn escaped(text: &str) -> String {
    text.replace("**", "").replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(ticks(0.3, 12.0), [0.5, 1.0, 2.0, 5.0, 10.0]);
    }

    #[test]
    fn a_value_that_is_missing_leaves_no_trace() {
        let bar = |value| Bar { label: "a".into(), value, ours: false };
        let svg = bars("t", 1.0, &[("g".into(), vec![bar(2.0), bar(f64::NAN)])]);
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
        assert!(!svg.contains("NaN"), "{svg}");
    }
}
