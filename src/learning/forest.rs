//! Boosted trees of five questions: each is fitted to what the ones before leave over. Values are cut into a few bins
//! once, so that a question is found by adding up.

use crate::catalog::{ASKED, Forest, LEAVES, QUESTIONS, Question, Tree};

/// Trees, how much of each is kept, and how few rows a leaf may have. Chosen by cross-validation on `train` rows.
const TREES: usize = 20;
const RATE: f32 = 0.15;
const LEAST_ROWS: f32 = 40.0;
/// Bins of a value.
const BINS: usize = 32;

/// Grows trees that predict `targets` from what they may ask for; none without rows.
pub(super) fn grow(rows: &[[f32; ASKED]], targets: &[f32]) -> Forest {
    if rows.is_empty() {
        return Forest::default();
    }
    let limits: Vec<Vec<f32>> = (0..ASKED).map(|value| limits(rows, value)).collect();
    let binned: Vec<[u8; ASKED]> = rows
        .iter()
        .map(|row| {
            std::array::from_fn(|value| limits[value].partition_point(|limit| *limit < row[value]) as u8)
        })
        .collect();
    let mut left: Vec<f32> = targets.to_vec();
    let mut trees = Vec::with_capacity(TREES);
    for _ in 0..TREES {
        let tree = tree(&binned, &limits, &left);
        let leaves: Vec<usize> = rows.iter().map(|row| tree.leaf(row)).collect();
        let means = means(&leaves, &left);
        leaves.iter().zip(&mut left).for_each(|(leaf, left)| *left -= RATE * means[*leaf]);
        trees.push(tree);
    }
    Forest(trees)
}

/// Where a value can be cut: the ends of bins with equal numbers of rows.
fn limits(rows: &[[f32; ASKED]], value: usize) -> Vec<f32> {
    let mut sorted: Vec<f32> = rows.iter().map(|row| row[value]).collect();
    sorted.sort_by(f32::total_cmp);
    let mut limits: Vec<f32> = (1..BINS).map(|bin| sorted[bin * sorted.len() / BINS]).collect();
    limits.dedup();
    // A value that is 0 nearly always is cut above 0.
    if limits == [sorted[sorted.len() - 1]] {
        limits = vec![sorted[0]];
    }
    limits
}

fn tree(binned: &[[u8; ASKED]], limits: &[Vec<f32>], left: &[f32]) -> Tree {
    let never = Question { value: 0, limit: f32::MAX };
    let mut tree = Tree([never; QUESTIONS]);
    let mut nodes: Vec<Vec<usize>> = vec![Vec::new(); QUESTIONS + LEAVES];
    nodes[0] = (0..binned.len()).collect();
    for at in 0..QUESTIONS {
        let rows = std::mem::take(&mut nodes[at]);
        let found = question(&rows, binned, left);
        let (value, bin) = found.unwrap_or((0, BINS));
        let (yes, no): (Vec<usize>, Vec<usize>) =
            rows.into_iter().partition(|row| usize::from(binned[*row][value]) > bin);
        if let Some(limit) = limits[value].get(bin) {
            tree.0[at] = Question { value: value as u8, limit: *limit };
        }
        (nodes[2 * at + 1], nodes[2 * at + 2]) = (no, yes);
    }
    tree
}

/// The value and the bin after which cutting explains most; `None`: no cut leaves rows enough on both sides.
fn question(rows: &[usize], binned: &[[u8; ASKED]], left: &[f32]) -> Option<(usize, usize)> {
    let total: f32 = rows.iter().map(|row| left[*row]).sum();
    let count = rows.len() as f32;
    let mut best = (1e-6, None);
    for value in 0..ASKED {
        let mut bins = [(0.0_f32, 0.0_f32); BINS + 1];
        for row in rows {
            let bin = &mut bins[usize::from(binned[*row][value])];
            (bin.0, bin.1) = (bin.0 + left[*row], bin.1 + 1.0);
        }
        let (mut sum, mut below) = (0.0, 0.0);
        for (bin, (of, rows)) in bins.iter().enumerate() {
            (sum, below) = (sum + of, below + rows);
            let above = count - below;
            if below < LEAST_ROWS || above < LEAST_ROWS {
                continue;
            }
            let explained = sum * sum / below + (total - sum).powi(2) / above - total * total / count;
            if explained > best.0 {
                best = (explained, Some((value, bin)));
            }
        }
    }
    best.1
}

fn means(leaves: &[usize], values: &[f32]) -> [f32; LEAVES] {
    let mut sums = [(0.0, 0.0); LEAVES];
    for (leaf, value) in leaves.iter().zip(values) {
        sums[*leaf] = (sums[*leaf].0 + value, sums[*leaf].1 + 1.0);
    }
    sums.map(|(sum, rows): (f32, f32)| sum / rows.max(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_find_what_no_line_can() {
        // High where exactly one of two values is high. One of them is so more often than not: of two halves no first
        // question would explain anything, and trees that look one question ahead would never ask the second.
        let rows: Vec<[f32; ASKED]> = (0..400)
            .map(|row| {
                std::array::from_fn(|at| if at < 2 { ((row * 7 + at * row / 20) % 20) as f32 } else { 0.0 })
            })
            .collect();
        let targets: Vec<f32> =
            rows.iter().map(|row| if (row[0] > 9.0) != (row[1] > 5.0) { 0.5 } else { -0.5 }).collect();
        let forest = grow(&rows, &targets);
        let mut left = targets;
        for tree in &forest.0 {
            let leaves: Vec<usize> = rows.iter().map(|row| tree.leaf(row)).collect();
            let means = means(&leaves, &left);
            leaves.iter().zip(&mut left).for_each(|(leaf, left)| *left -= RATE * means[*leaf]);
        }
        let error = left.iter().map(|left| left * left).sum::<f32>() / 400.0;
        assert!(error < 0.05, "{error} of 0.25");
    }
}
