//! Ridge regression on sparse rows: the weights that minimise the squared errors plus `strength` times their own squares.
//! Solved by conjugate gradients on the normal equations, without ever building them: each step reads the rows twice.

use crate::catalog::{GRAMS, SHAPE};

/// One row: its words and its shape, centred and scaled.
pub(super) struct Sparse<'r> {
    pub(super) grams: &'r [(u16, f32)],
    pub(super) shape: [f32; SHAPE],
}

/// Weights of all words and of the shape.
pub(super) struct Weights {
    pub(super) grams: Vec<f32>,
    pub(super) shape: [f32; SHAPE],
}

/// Most steps; a few dozen reach a thousandth of the first error.
const STEPS: usize = 60;
/// The error at which it is good enough, as a share of the first one.
const ENOUGH: f64 = 1e-3;
/// What a shape's value of one standard deviation counts beside all words of a prompt together.
pub(super) const SHAPE_WEIGHT: f32 = 0.1;

/// Fits `targets` to `rows`.
pub(super) fn ridge(rows: &[Sparse<'_>], targets: &[f32], strength: f32) -> Weights {
    let mut weights = vec![0.0_f32; GRAMS + SHAPE];
    let mut residual = back(rows, targets);
    let mut direction = residual.clone();
    let mut error = square(&residual);
    let first = error;
    for _ in 0..STEPS {
        if error <= first * ENOUGH * ENOUGH || error == 0.0 {
            break;
        }
        let ahead = forth(rows, &direction);
        let mut step = back(rows, &ahead);
        step.iter_mut().zip(&direction).for_each(|(step, direction)| *step += strength * direction);
        let length = (error / product(&direction, &step)) as f32;
        weights.iter_mut().zip(&direction).for_each(|(weight, direction)| *weight += length * direction);
        residual.iter_mut().zip(&step).for_each(|(residual, step)| *residual -= length * step);
        let next = square(&residual);
        let turn = (next / error) as f32;
        direction
            .iter_mut()
            .zip(&residual)
            .for_each(|(direction, residual)| *direction = residual + turn * *direction);
        error = next;
    }
    let shape = std::array::from_fn(|at| weights[GRAMS + at] * SHAPE_WEIGHT);
    weights.truncate(GRAMS);
    Weights { grams: weights, shape }
}

/// Rows times weights.
fn forth(rows: &[Sparse<'_>], weights: &[f32]) -> Vec<f32> {
    let one = |row: &Sparse<'_>| {
        let words: f32 = row.grams.iter().map(|(gram, value)| weights[usize::from(*gram)] * value).sum();
        let shape: f32 = row.shape.iter().zip(&weights[GRAMS..]).map(|(value, weight)| value * weight).sum();
        words + shape * SHAPE_WEIGHT
    };
    rows.iter().map(one).collect()
}

/// The transposed rows times values.
fn back(rows: &[Sparse<'_>], values: &[f32]) -> Vec<f32> {
    let mut sums = vec![0.0_f32; GRAMS + SHAPE];
    for (row, value) in rows.iter().zip(values) {
        for (gram, weight) in row.grams {
            sums[usize::from(*gram)] += weight * value;
        }
        for (sum, shape) in sums[GRAMS..].iter_mut().zip(&row.shape) {
            *sum += shape * SHAPE_WEIGHT * value;
        }
    }
    sums
}

fn product(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

fn square(values: &[f32]) -> f64 {
    product(values, values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_finds_the_weights_that_solve_the_normal_equations() {
        // Two words and one value of the shape; the solution of (X'X + 2I) w = X'y by hand in exact arithmetic.
        let grams = [vec![(1, 1.0)], vec![(1, 1.0), (2, 1.0)], vec![(2, 1.0)]];
        let rows: Vec<Sparse<'_>> = grams.iter().map(|grams| Sparse { grams, shape: [0.0; SHAPE] }).collect();
        let found = ridge(&rows, &[1.0, 3.0, 2.0], 2.0);
        // X'X = [[2,1],[1,2]], X'y = [4,5]: (X'X + 2I)^-1 = 1/15 [[4,-1],[-1,4]].
        assert!((found.grams[1] - 11.0 / 15.0).abs() < 1e-3, "{}", found.grams[1]);
        assert!((found.grams[2] - 16.0 / 15.0).abs() < 1e-3, "{}", found.grams[2]);
        assert!(found.grams[3] == 0.0 && found.shape == [0.0; SHAPE]);
    }

    #[test]
    fn the_shape_is_learned_beside_the_words() {
        let shapes = [-1.0, 1.0, -1.0, 1.0];
        let rows: Vec<Sparse<'_>> = shapes
            .iter()
            .map(|value| Sparse {
                grams: &[],
                shape: std::array::from_fn(|at| if at == 3 { *value } else { 0.0 }),
            })
            .collect();
        let found = ridge(&rows, &[-0.5, 0.5, -0.5, 0.5], 0.0001);
        assert!((found.shape[3] - 0.5).abs() < 0.01, "{:?}", found.shape);
    }
}
