//! Small trees over a prompt's shape and class. Which leaf a prompt falls into, in each tree, is a number among its others:
//! what a leaf weighs for a model is learned with the weights of the words.

use serde::{Deserialize, Serialize};

use super::SHAPE;
use crate::types::TaskClass;

/// Values a tree can ask for: the shape's, and one for each class.
pub const ASKED: usize = SHAPE + TaskClass::COUNT;
/// Questions of one tree: five after one another.
pub const QUESTIONS: usize = 31;
/// Leaves of one tree.
pub const LEAVES: usize = QUESTIONS + 1;

/// Trees of the same form.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Forest(pub Vec<Tree>);

/// Five questions after one another; the one behind question `q` is `2q + 1` for no and `2q + 2` for yes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tree(pub [Question; QUESTIONS]);

/// Whether a value is larger than a limit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Question {
    /// Which value; above the shape's stand the classes.
    pub value: u8,
    /// The limit; a value that is not larger means no.
    pub limit: f32,
}

impl Forest {
    /// The leaf of each tree.
    pub fn leaves(&self, asked: [f32; ASKED]) -> impl Iterator<Item = usize> {
        self.0.iter().map(move |tree| tree.leaf(&asked))
    }

    /// What trees ask for: the shape's values, then 1 at the class and 0 at all others.
    pub fn asked(task: TaskClass, shape: &[f32; SHAPE]) -> [f32; ASKED] {
        let mut asked = [0.0; ASKED];
        asked[..SHAPE].copy_from_slice(shape);
        asked[SHAPE + task as usize] = 1.0;
        asked
    }
}

impl Tree {
    /// The leaf a prompt falls into.
    pub fn leaf(&self, asked: &[f32; ASKED]) -> usize {
        let mut at = 0;
        while let Some(question) = self.0.get(at) {
            let yes = asked[usize::from(question.value).min(ASKED - 1)] > question.limit;
            at = 2 * at + 1 + usize::from(yes);
        }
        at - QUESTIONS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_lead_to_leaves_from_left_to_right() {
        let question = |value, limit| Question { value, limit };
        let by_class = (SHAPE + TaskClass::Math as usize) as u8;
        let mut tree = Tree([question(3, 0.0); QUESTIONS]);
        (tree.0[0], tree.0[1], tree.0[2]) = (question(0, 5.0), question(1, 1.0), question(by_class, 0.5));
        // Below the second question every answer is no, or every answer is yes.
        let leaf = |task, first: f32, second: f32, below: f32| {
            let mut shape = [0.0; SHAPE];
            (shape[0], shape[1], shape[3]) = (first, second, below);
            tree.leaf(&Forest::asked(task, &shape))
        };
        assert_eq!(leaf(TaskClass::Code, 5.0, 1.0, 0.0), 0, "equal is not larger");
        assert_eq!(leaf(TaskClass::Code, 1.0, 2.0, 1.0), 15);
        assert_eq!(leaf(TaskClass::Code, 6.0, 2.0, 0.0), 16);
        assert_eq!(leaf(TaskClass::Math, 6.0, 2.0, 1.0), 31);
    }
}
