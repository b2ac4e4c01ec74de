//! What several plans share: rows that were read, split and transformed once.

use super::arrays::{Arrays, Transformed};
use crate::data::{LabelledRow, LabelsKey, Opened};
use crate::{ClassTask, HarnessError, ProtocolSpec, SplitDataset};
use lacuna_source::DataSource;
use lacuna_train::{Evaluation, Named, Training};
use std::sync::Arc;

/// Data by what decides it. The points of a sweep differ in few keys, and most of them in none about data.
#[derive(Debug, Default)]
pub(crate) struct DataCache {
    /// The task whose classes alone are kept of labels that are lists.
    task: Option<ClassTask>,
    /// Whether one plan alone uses the data, so that nothing is kept for others.
    alone: bool,
    opened: Vec<(DataSource, Opened)>,
    split: Vec<(SplitKey, Arc<Split>)>,
    arrays: Vec<(ArraysKey, Arc<Arrays>)>,
    transformed: Vec<(TransformKey, Arc<Transformed>)>,
}

/// Split rows, and the key of the labels of each row of the table.
pub(super) type Split = (SplitDataset, Vec<LabelsKey>);

type SplitKey = (DataSource, ProtocolSpec, Vec<LabelledRow>);
/// Number of the split data, evaluation, transforms.
type ArraysKey = (usize, Evaluation, Vec<Named>);
/// Number of the split data, transform.
type TransformKey = (usize, Named);

impl DataCache {
    /// For one plan alone; for a task that trains some of the classes, where one is given.
    pub(super) fn alone(task: Option<ClassTask>) -> Self {
        Self { task, alone: true, ..Self::default() }
    }

    /// Transforms the features of split data in place, where no other plan will look at them.
    pub(super) fn transform_in_place(
        &mut self,
        number: usize,
        split: &mut Arc<Split>,
        trainings: &[Training],
    ) -> Result<(), HarnessError> {
        let Some((data, _)) = Arc::get_mut(split).filter(|_| self.alone) else { return Ok(()) };
        if let Some((named, parts)) = Transformed::in_place(data, trainings)? {
            self.transformed.push(((number, named), Arc::new(parts)));
        }
        Ok(())
    }

    /// The split data for these rows of a table, and its number.
    pub(super) fn split(
        &mut self,
        source: &DataSource,
        protocol: &ProtocolSpec,
        rows: Vec<LabelledRow>,
    ) -> Result<(usize, Arc<Split>), HarnessError> {
        let key = (source.clone(), protocol.clone(), rows);
        if let Some(number) = self.split.iter().position(|(known, _)| *known == key) {
            return Ok((number, Arc::clone(&self.split[number].1)));
        }
        if self.alone {
            let split = SplitDataset::of(Opened::new(source, self.task)?, protocol, &key.2)?;
            return Ok((0, Arc::new(split)));
        }
        let opened = match self.opened.iter().find(|(known, _)| known == source) {
            Some((_, opened)) => opened.clone(),
            None => {
                let opened = Opened::new(source, self.task)?;
                self.opened.push((source.clone(), opened.clone()));
                opened
            }
        };
        let split = Arc::new(SplitDataset::of(opened, protocol, &key.2)?);
        self.split.push((key, Arc::clone(&split)));
        Ok((self.split.len() - 1, split))
    }

    /// The arrays that runs with these settings look at.
    pub(super) fn arrays(
        &mut self,
        number: usize,
        data: &SplitDataset,
        evaluation: &Evaluation,
        trainings: &[Training],
    ) -> Result<Arc<Arrays>, HarnessError> {
        let transforms = trainings.iter().map(|training| training.transform.clone()).collect();
        let key = (number, evaluation.clone(), transforms);
        if let Some((_, arrays)) = self.arrays.iter().find(|(known, _)| *known == key) {
            return Ok(Arc::clone(arrays));
        }
        let transformed = &mut self.transformed;
        let arrays = Arc::new(Arrays::new(data, evaluation, trainings, &mut |named, make| {
            if let Some((_, parts)) =
                transformed.iter().find(|(known, _)| known.0 == number && known.1 == *named)
            {
                return Ok(Arc::clone(parts));
            }
            let parts = Arc::new(make()?);
            transformed.push(((number, named.clone()), Arc::clone(&parts)));
            Ok(parts)
        })?);
        self.arrays.push((key, Arc::clone(&arrays)));
        Ok(arrays)
    }
}
