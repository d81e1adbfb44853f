//! Ridge regression on sparse rows: the weights that minimise the squared errors plus `strength` times their own squares.
//! Solved by conjugate gradients on the normal equations, without ever building them: each step reads the rows twice.

/// Most steps; a few dozen reach a thousandth of the first error.
const STEPS: usize = 60;
/// The error at which it is good enough, as a share of the first one.
const ENOUGH: f64 = 1e-3;

/// The values of one row that are not 0, by column.
pub(super) type Sparse = Vec<(u32, f32)>;

/// The weights of `columns` that fit `targets` to `rows`.
pub(super) fn ridge(rows: &[Sparse], columns: usize, targets: &[f32], strength: f32) -> Vec<f32> {
    let mut weights = vec![0.0_f32; columns];
    let mut residual = back(rows, columns, targets);
    let mut direction = residual.clone();
    let mut error = square(&residual);
    let first = error;
    for _ in 0..STEPS {
        if error <= first * ENOUGH * ENOUGH || error == 0.0 {
            break;
        }
        let mut step = back(rows, columns, &forth(rows, &direction));
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
    weights
}

/// Rows times weights.
pub(super) fn forth(rows: &[Sparse], weights: &[f32]) -> Vec<f32> {
    let one = |row: &Sparse| row.iter().map(|(column, value)| weights[*column as usize] * value).sum();
    rows.iter().map(one).collect()
}

/// The transposed rows times values.
fn back(rows: &[Sparse], columns: usize, values: &[f32]) -> Vec<f32> {
    let mut sums = vec![0.0_f32; columns];
    for (row, value) in rows.iter().zip(values) {
        for (column, weight) in row {
            sums[*column as usize] += weight * value;
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
        // The solution of (X'X + 2I) w = X'y by hand in exact arithmetic.
        let rows = [vec![(1, 1.0)], vec![(1, 1.0), (2, 1.0)], vec![(2, 1.0)]];
        let found = ridge(&rows, 4, &[1.0, 3.0, 2.0], 2.0);
        // X'X = [[2,1],[1,2]], X'y = [4,5]: (X'X + 2I)^-1 = 1/15 [[4,-1],[-1,4]].
        assert!((found[1] - 11.0 / 15.0).abs() < 1e-3, "{}", found[1]);
        assert!((found[2] - 16.0 / 15.0).abs() < 1e-3, "{}", found[2]);
        assert!(found[0] == 0.0 && found[3] == 0.0);
    }
}
