//! The arrays that runs share: rows by number, labels to measure by, transformed features.

use crate::data::LabelsKey;
use crate::{HarnessError, SplitDataset, ValRows};
use lacuna_labels::{Features, Label, ObservedLabels, TrueLabels};
use lacuna_train::{
    Also, ClassSlice, Data, EvalLabels, EvalRows, EvalSet, Evaluation, FeatureRows, Named, On, TrainSet,
    Training, Transform,
};
use std::sync::Arc;

/// Data shared by all runs.
#[derive(Debug)]
pub(super) struct Arrays {
    train_rows: Vec<u32>,
    val_rows: Vec<u32>,
    test_rows: Option<Vec<u32>>,
    val_truth: Option<TrueLabels>,
    /// Observed labels of the validation rows, by key, where an epoch is selected by them.
    val_observed: Vec<(LabelsKey, ObservedLabels)>,
    /// The same as labels for a second choice of an epoch: those that are known, or with unknown cells as negatives.
    val_also_observed: Vec<(LabelsKey, AlsoObserved)>,
    /// Whether runs count the hidden positives.
    hidden: bool,
    test_truth: TrueLabels,
    /// Features of both parts after a transform, by what the specification says.
    transformed: Vec<(Named, Arc<Transformed>)>,
}

/// Observed labels of validation rows, as a second choice of an epoch takes them.
#[derive(Debug)]
enum AlsoObserved {
    /// Some known cell is negative: the known cells count.
    Known(ObservedLabels),
    /// There are positives alone: unknown cells count as negatives.
    Assumed(TrueLabels),
}

impl AlsoObserved {
    /// `None` without an observed positive.
    fn of(labels: ObservedLabels) -> Option<Self> {
        let has = |sought: Label| labels.cells().contains(&sought);
        match (has(Label::Positive), has(Label::Negative)) {
            (false, _) => None,
            (true, true) => Some(AlsoObserved::Known(labels)),
            (true, false) => Some(AlsoObserved::Assumed(labels.assume_negative())),
        }
    }

    fn labels(&self) -> EvalLabels<'_> {
        match self {
            AlsoObserved::Known(labels) => EvalLabels::Observed(labels),
            AlsoObserved::Assumed(labels) => EvalLabels::Complete(labels),
        }
    }
}

/// Features after a transform.
#[derive(Debug)]
pub(super) struct Transformed {
    transform: Transform,
    train: Part,
    strong: Option<Part>,
    background: Option<Part>,
    test: Part,
}

/// One matrix of features after a transform.
#[derive(Debug)]
enum Part {
    /// Transformed at once.
    AtOnce(Features),
    /// As they were, transformed when they are read.
    WhenRead(Features),
}

impl Part {
    fn new(features: &Features, transform: &Transform) -> Result<Self, HarnessError> {
        if transform.is_applied_when_read(features) {
            FeatureRows::through(features, transform).check()?;
            return Ok(Part::WhenRead(features.clone()));
        }
        Ok(Part::AtOnce(transform.try_apply(features)?))
    }

    fn rows<'a>(&'a self, transform: &'a Transform) -> FeatureRows<'a> {
        match self {
            Part::AtOnce(features) => features.into(),
            Part::WhenRead(features) => FeatureRows::through(features, transform),
        }
    }
}

/// Gives features after a transform that others may have made already, or makes them.
pub(super) type Share<'s> = &'s mut dyn FnMut(
    &Named,
    &dyn Fn() -> Result<Transformed, HarnessError>,
) -> Result<Arc<Transformed>, HarnessError>;

impl Transformed {
    /// Replaces the features of a set that belongs to one plan alone by the transformed ones, row by row in their own memory,
    /// where all rows of the table have the same transform and it keeps the number of columns. The plan looks at the features
    /// through the transform from then on, so that a transformed set takes no more memory than it does untransformed.
    pub(super) fn in_place(
        data: &mut SplitDataset,
        trainings: &[Training],
    ) -> Result<Option<(Named, Self)>, HarnessError> {
        let Some(named) = trainings.first().map(|training| training.transform.clone()) else {
            return Ok(None);
        };
        if named.name == "none" || trainings.iter().any(|training| training.transform != named) {
            return Ok(None);
        }
        let rows: Vec<u32> = data.split.train.iter().map(|&row| row as u32).collect();
        let transform = Transform::fit(&named, &data.train.features, &rows)?;
        if !transform.components.is_empty() {
            return Ok(None);
        }
        let empty = || Features::new(0, 0, vec![]).expect("an empty matrix has no value that is not finite");
        let in_place = |features: &mut Features| {
            if features.is_on_disk() {
                return Part::new(features, &transform);
            }
            // Taken out, so that nothing else shares the values.
            *features = transform.apply_in_place(std::mem::replace(features, empty()))?;
            Ok(Part::AtOnce(features.clone()))
        };
        let parts = Self {
            train: in_place(&mut data.train.features)?,
            strong: data.strong.as_mut().map(in_place).transpose()?,
            background: data.background.as_mut().map(in_place).transpose()?,
            test: in_place(&mut data.test.features)?,
            transform,
        };
        Ok(Some((named, parts)))
    }
}

impl Arrays {
    pub(super) fn new(
        data: &SplitDataset,
        evaluation: &Evaluation,
        trainings: &[Training],
        share: Share<'_>,
    ) -> Result<Self, HarnessError> {
        let narrow = |rows: &[usize]| rows.iter().map(|&row| row as u32).collect::<Vec<u32>>();
        let train_rows = narrow(&data.split.train);
        let (val_rows, val_truth) = match data.val {
            ValRows::Train => (narrow(&data.split.val), Some(data.train.truth.select(&data.split.val))),
            ValRows::TestEnd(count) => {
                let rows: Vec<usize> = (data.test.rows() - count..data.test.rows()).collect();
                (narrow(&rows), Some(data.test.truth.select(&rows)))
            }
            ValRows::None => (vec![], None),
        };
        let mut val_observed = Vec::new();
        if evaluation.on == On::Observed {
            if data.val != ValRows::Train {
                let problem = "evaluation.on = \"observed\": the validation rows are not training rows and have true labels only";
                return Err(HarnessError::Setting(problem.to_string()));
            }
            val_observed =
                data.each_observed().map(|(key, labels)| (key, labels.select(&data.split.val))).collect();
        }
        let mut val_also_observed = Vec::new();
        if evaluation.also.contains(&Also::Observed) && data.val == ValRows::Train {
            let of = |(key, labels): (LabelsKey, &ObservedLabels)| {
                Some((key, AlsoObserved::of(labels.select(&data.split.val))?))
            };
            val_also_observed = data.each_observed().filter_map(of).collect();
        }
        let mut transformed: Vec<(Named, Arc<Transformed>)> = Vec::new();
        for training in trainings {
            let named = &training.transform;
            if named.name == "none" || transformed.iter().any(|(known, _)| known == named) {
                continue;
            }
            let parts = share(named, &|| {
                let transform = Transform::fit(named, &data.train.features, &train_rows)?;
                let part = |features: &Features| Part::new(features, &transform);
                Ok(Transformed {
                    train: part(&data.train.features)?,
                    strong: data.strong.as_ref().map(part).transpose()?,
                    background: data.background.as_ref().map(part).transpose()?,
                    test: part(&data.test.features)?,
                    transform,
                })
            })?;
            transformed.push((named.clone(), parts));
        }
        let all = data.tested.len() == data.test.rows();
        Ok(Self {
            train_rows,
            val_rows,
            test_rows: (!all).then(|| narrow(&data.tested)),
            val_truth,
            val_observed,
            val_also_observed,
            hidden: evaluation.hidden,
            test_truth: data.test.truth.select(&data.tested),
            transformed,
        })
    }

    /// True labels of the rows that are tested on.
    pub(super) fn test_truth(&self) -> &TrueLabels {
        &self.test_truth
    }

    fn transformed(&self, training: &Training) -> Option<&Transformed> {
        self.transformed.iter().find(|(named, _)| *named == training.transform).map(|(_, parts)| &**parts)
    }

    /// The fitted transform of the features.
    pub(super) fn transform(&self, training: &Training) -> Transform {
        self.transformed(training).map(|parts| parts.transform.clone()).unwrap_or_default()
    }

    /// The rows that train, with the labels of a key.
    pub(super) fn train<'a>(
        &'a self,
        data: &'a SplitDataset,
        key: LabelsKey,
        training: &Training,
    ) -> TrainSet<'a> {
        let (features, strong, background) = match self.transformed(training) {
            Some(parts) => {
                let rows = |part: &'a Part| part.rows(&parts.transform);
                (rows(&parts.train), parts.strong.as_ref().map(rows), parts.background.as_ref().map(rows))
            }
            None => {
                let (strong, background) = (data.strong.as_ref(), data.background.as_ref());
                ((&data.train.features).into(), strong.map(Into::into), background.map(Into::into))
            }
        };
        TrainSet {
            features,
            strong,
            background,
            slice: data.cut.as_ref().map(|cut| ClassSlice {
                first: cut.classes.start,
                all: cut.all,
                known: &cut.known,
            }),
            observed: data.labels(key),
            rows: &self.train_rows,
        }
    }

    /// Everything that a run looks at.
    pub(super) fn data<'a>(
        &'a self,
        data: &'a SplitDataset,
        key: LabelsKey,
        training: &Training,
    ) -> Data<'a> {
        let (train_features, test_features) = match self.transformed(training) {
            Some(parts) => (parts.train.rows(&parts.transform), parts.test.rows(&parts.transform)),
            None => ((&data.train.features).into(), (&data.test.features).into()),
        };
        let observed = self.val_observed.iter().find(|(known, _)| *known == key).map(|(_, labels)| labels);
        let val = self.val_truth.as_ref().map(|truth| EvalSet {
            features: if data.val == ValRows::Train { train_features } else { test_features },
            labels: observed.map_or(EvalLabels::Complete(truth), EvalLabels::Observed),
            rows: EvalRows::Some(&self.val_rows),
        });
        let rows = self.test_rows.as_ref().map_or(EvalRows::All, |rows| EvalRows::Some(rows));
        let test = EvalSet { features: test_features, labels: EvalLabels::Complete(&self.test_truth), rows };
        let also = self.val_also_observed.iter().find(|(known, _)| *known == key);
        Data {
            train: self.train(data, key, training),
            val,
            val_observed: also.map(|(_, labels)| labels.labels()),
            hidden: self.hidden.then_some(&data.train.truth),
            test: Some(test),
        }
    }
}
