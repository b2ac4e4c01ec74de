//! The table of losses.

use crate::asl::{Asl, AslConfig, Setting};
use crate::bce::{Bce, PartialBce, PartialBceConfig, WeakNegativeBce, WeakNegativeConfig};
use crate::class_balanced::{Ldam, LdamConfig};
use crate::distribution_balanced::{
    ClassBalance, Focal as FocalFactor, Preset as LongTail, Resample, ResampleConfig, Reweight, Variant,
};
use crate::em::{Em, EmApl, EmAplConfig, EmConfig};
use crate::focal::{Focal, FocalConfig};
use crate::gr::{
    Confidence, Gr, GrConfig, Point, Preset, RepositoryLoss, RepositoryLossConfig, Schedule, Simple,
};
use crate::hill::{FocalMargin, FocalMarginConfig, Hill, HillConfig, Splc, SplcConfig};
use crate::large_loss::{LargeLoss, LargeLossConfig, Scheme};
use crate::logit_adjust::{Form, LogitAdjust, LogitAdjustConfig};
use crate::nearest::nearest;
use crate::propensity::{Bound, Propensities, Propensity, Surrogate, info_of};
use crate::pu::{Pu, PuConfig, Risk, Vpu};
use crate::pu_mlc::{Preset as PuPreset, PuMlc, PuMlcConfig};
use crate::spml::{Epr, ExpectedPositivesConfig, GuardedBce, GuardedConfig, Kind, PairwiseRank, Role};
use crate::{ClassStatistics, LossError, LossInfo, MultiLabelLoss, Options, Reduction};

/// A loss that a command line can name.
#[derive(Debug)]
pub struct LossRow {
    /// Name, source, assumptions and parameters.
    pub info: &'static LossInfo,
    /// Reduction in force when nothing is said: that of the authors' code.
    pub reduction: Reduction,
    /// Labels a benchmark on single positives has to hand it.
    pub needs: LabelNeeds,
    make: fn(&Given<'_>) -> Result<Box<dyn MultiLabelLoss>, LossError>,
}

/// The labels a method is made for, from the poorest to the richest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelNeeds {
    /// One positive of each row; everything else unknown.
    SinglePositive,
    /// One positive and one negative of each row.
    SinglePositiveOneNegative,
    /// One positive and all true negatives of each row; the other positives unknown.
    SinglePositiveAllNegatives,
    /// Every label.
    FullTruth,
}

/// Every loss, in the order in which they are listed.
pub static LOSSES: &[LossRow] = &[
    LossRow {
        info: Kind::BceFull.info(),
        reduction: Reduction::Mean,
        needs: LabelNeeds::FullTruth,
        make: |given| guarded(Kind::BceFull, given),
    },
    LossRow {
        info: Kind::BceLsFull { ls_coef: 0.1 }.info(),
        reduction: Reduction::Mean,
        needs: LabelNeeds::FullTruth,
        make: |given| guarded(Kind::BceLsFull { ls_coef: given.get("ls_coef")? }, given),
    },
    LossRow {
        info: Kind::An.info(),
        reduction: Reduction::Mean,
        needs: LabelNeeds::SinglePositive,
        make: |given| guarded(Kind::An, given),
    },
    LossRow {
        info: Kind::AnLs { ls_coef: 0.1 }.info(),
        reduction: Reduction::Mean,
        needs: LabelNeeds::SinglePositive,
        make: |given| guarded(Kind::AnLs { ls_coef: given.get("ls_coef")? }, given),
    },
    LossRow {
        info: Kind::Wan.info(),
        reduction: Reduction::Mean,
        needs: LabelNeeds::SinglePositive,
        make: |given| match given.options.context.classes {
            Some(found @ 0..=1) => Err(LossError::Classes { loss: given.row.info.name, needed: 2, found }),
            _ => guarded(Kind::Wan, given),
        },
    },
    LossRow {
        info: Kind::Iu.info(),
        reduction: Reduction::Mean,
        needs: LabelNeeds::SinglePositiveOneNegative,
        make: |given| guarded(Kind::Iu, given),
    },
    LossRow {
        info: Kind::Iun.info(),
        reduction: Reduction::Mean,
        needs: LabelNeeds::SinglePositiveAllNegatives,
        make: |given| guarded(Kind::Iun, given),
    },
    LossRow {
        info: Epr::INFO,
        reduction: Reduction::Mean,
        needs: LabelNeeds::SinglePositive,
        make: |given| Ok(Box::new(Epr::new(expected_positives(given)?)?)),
    },
    LossRow {
        info: PairwiseRank::INFO,
        reduction: Reduction::Mean,
        needs: LabelNeeds::SinglePositive,
        make: |given| Ok(Box::new(PairwiseRank::new(given.reduction()))),
    },
    LossRow {
        info: Role::INFO,
        reduction: Reduction::Mean,
        needs: LabelNeeds::SinglePositive,
        make: |given| Ok(Box::new(Role::new(expected_positives(given)?)?)),
    },
    LossRow {
        info: Hill::INFO,
        reduction: Reduction::Sum,
        needs: LabelNeeds::SinglePositive,
        make: |given| {
            Ok(Box::new(Hill::new(HillConfig {
                lambda: given.get("lambda")?,
                margin: given.get("margin")?,
                gamma: given.get("gamma")?,
                reduction: given.reduction(),
            })?))
        },
    },
    LossRow {
        info: FocalMargin::INFO,
        reduction: Reduction::Sum,
        needs: LabelNeeds::SinglePositive,
        make: |given| {
            Ok(Box::new(FocalMargin::new(FocalMarginConfig {
                margin: given.get("margin")?,
                gamma: given.get("gamma")?,
                reduction: given.reduction(),
            })?))
        },
    },
    LossRow {
        info: Splc::INFO,
        reduction: Reduction::Sum,
        needs: LabelNeeds::SinglePositive,
        make: |given| {
            Ok(Box::new(Splc::new(SplcConfig {
                tau: given.get("tau")?,
                change_epoch: given.get("change_epoch")? as usize,
                margin: given.get("margin")?,
                gamma: given.get("gamma")?,
                reduction: given.reduction(),
            })?))
        },
    },
    LossRow {
        info: Bce::INFO,
        reduction: Reduction::Mean,
        needs: LabelNeeds::SinglePositiveOneNegative,
        make: |given| Ok(Box::new(Bce::new(given.reduction()))),
    },
    LossRow {
        info: WeakNegativeBce::INFO,
        reduction: Reduction::Mean,
        needs: LabelNeeds::SinglePositive,
        make: |given| {
            Ok(Box::new(WeakNegativeBce::new(WeakNegativeConfig {
                negative_weight: given.get("negative_weight")?,
                reduction: given.reduction(),
            })?))
        },
    },
    LossRow {
        info: PartialBce::INFO,
        reduction: Reduction::Mean,
        needs: LabelNeeds::SinglePositiveOneNegative,
        make: |given| {
            Ok(Box::new(PartialBce::new(PartialBceConfig {
                alpha: given.get("alpha")?,
                beta: given.get("beta")?,
                gamma: given.get("gamma")?,
                reduction: given.reduction(),
            })?))
        },
    },
    LossRow {
        info: Focal::INFO,
        reduction: Reduction::Sum,
        needs: LabelNeeds::SinglePositive,
        make: |given| {
            let (gamma, reduction) = (given.get("gamma")?, given.reduction());
            Ok(Box::new(Focal::new(FocalConfig { gamma, alpha: None, reduction })?))
        },
    },
    LossRow {
        info: Focal::INFO_ALPHA,
        reduction: Reduction::Sum,
        needs: LabelNeeds::SinglePositive,
        make: |given| {
            let (gamma, alpha, reduction) = (given.get("gamma")?, given.get("alpha")?, given.reduction());
            Ok(Box::new(Focal::new(FocalConfig { gamma, alpha: Some(alpha), reduction })?))
        },
    },
    LossRow {
        info: Setting::Asl.info(),
        reduction: Reduction::Sum,
        needs: LabelNeeds::SinglePositive,
        make: |given| asl(Setting::Asl, given),
    },
    LossRow {
        info: Setting::Paper.info(),
        reduction: Reduction::Sum,
        needs: LabelNeeds::SinglePositive,
        make: |given| asl(Setting::Paper, given),
    },
    LossRow {
        info: Setting::FullGrad.info(),
        reduction: Reduction::Sum,
        needs: LabelNeeds::SinglePositive,
        make: |given| asl(Setting::FullGrad, given),
    },
    LossRow {
        info: Setting::Focal.info(),
        reduction: Reduction::Sum,
        needs: LabelNeeds::SinglePositive,
        make: |given| asl(Setting::Focal, given),
    },
    LossRow {
        info: Setting::Bce.info(),
        reduction: Reduction::Sum,
        needs: LabelNeeds::SinglePositive,
        make: |given| asl(Setting::Bce, given),
    },
    LossRow {
        info: Em::INFO,
        reduction: Reduction::Mean,
        needs: LabelNeeds::SinglePositive,
        make: |given| {
            Ok(Box::new(Em::new(EmConfig {
                alpha: given.get("alpha")?,
                log_epsilon: given.get("log_epsilon")?,
                reduction: given.reduction(),
            })?))
        },
    },
    LossRow {
        info: EmApl::INFO,
        reduction: Reduction::Mean,
        needs: LabelNeeds::SinglePositive,
        make: |given| {
            Ok(Box::new(EmApl::new(EmAplConfig {
                alpha: given.get("alpha")?,
                beta: given.get("beta")?,
                neg_proportion: given.get("neg_proportion")?,
                num_epochs: given.get("num_epochs")? as usize,
                warmup_epoch: given.get("warmup_epoch")? as usize,
                log_epsilon: given.get("log_epsilon")?,
                reduction: given.reduction(),
            })?))
        },
    },
    LossRow {
        info: Scheme::Reject.info(),
        reduction: Reduction::Mean,
        needs: LabelNeeds::SinglePositive,
        make: |given| large_loss(Scheme::Reject, given),
    },
    LossRow {
        info: Scheme::Correct.info(),
        reduction: Reduction::Mean,
        needs: LabelNeeds::SinglePositive,
        make: |given| large_loss(Scheme::Correct, given),
    },
    LossRow {
        info: Scheme::CorrectForGood.info(),
        reduction: Reduction::Mean,
        needs: LabelNeeds::SinglePositive,
        make: |given| large_loss(Scheme::CorrectForGood, given),
    },
    LossRow {
        info: Preset::Voc.info(),
        reduction: Reduction::Mean,
        needs: LabelNeeds::SinglePositive,
        make: |given| gr(Preset::Voc, given),
    },
    LossRow {
        info: Preset::Coco.info(),
        reduction: Reduction::Mean,
        needs: LabelNeeds::SinglePositive,
        make: |given| gr(Preset::Coco, given),
    },
    LossRow {
        info: Simple::Positives.info(),
        reduction: Reduction::Mean,
        needs: LabelNeeds::SinglePositive,
        make: |given| gr_repository(Simple::Positives, given),
    },
    LossRow {
        info: Simple::Hill.info(),
        reduction: Reduction::Mean,
        needs: LabelNeeds::SinglePositive,
        make: |given| gr_repository(Simple::Hill, given),
    },
    LossRow {
        info: Simple::Weight.info(),
        reduction: Reduction::Mean,
        needs: LabelNeeds::SinglePositive,
        make: |given| gr_repository(Simple::Weight, given),
    },
    LossRow {
        info: PuPreset::Coco.info(),
        reduction: Reduction::Sum,
        needs: LabelNeeds::SinglePositive,
        make: |given| pu_mlc(PuPreset::Coco, given),
    },
    LossRow {
        info: PuPreset::Voc.info(),
        reduction: Reduction::Sum,
        needs: LabelNeeds::SinglePositive,
        make: |given| pu_mlc(PuPreset::Voc, given),
    },
    LossRow {
        info: Vpu::INFO,
        reduction: Reduction::Mean,
        needs: LabelNeeds::SinglePositive,
        make: |given| Ok(Box::new(Vpu::new(given.reduction()))),
    },
];

/// Losses that are built from the class frequencies of a training set: [`LossRow::build_for`].
pub static CLASS_LOSSES: &[LossRow] = &[
    LossRow {
        info: Variant::RBce.info(),
        reduction: Reduction::Mean,
        needs: LabelNeeds::SinglePositive,
        make: |given| resample(Variant::RBce, given),
    },
    LossRow {
        info: Variant::RBceFocal.info(),
        reduction: Reduction::Mean,
        needs: LabelNeeds::SinglePositive,
        make: |given| resample(Variant::RBceFocal, given),
    },
    LossRow {
        info: Variant::Db.info(),
        reduction: Reduction::Mean,
        needs: LabelNeeds::SinglePositive,
        make: |given| resample(Variant::Db, given),
    },
    LossRow {
        info: Variant::DbFocal.info(),
        reduction: Reduction::Mean,
        needs: LabelNeeds::SinglePositive,
        make: |given| resample(Variant::DbFocal, given),
    },
    LossRow {
        info: Variant::RwInverse.info(),
        reduction: Reduction::Mean,
        needs: LabelNeeds::SinglePositive,
        make: |given| resample(Variant::RwInverse, given),
    },
    LossRow {
        info: Variant::RwInverseRoot.info(),
        reduction: Reduction::Mean,
        needs: LabelNeeds::SinglePositive,
        make: |given| resample(Variant::RwInverseRoot, given),
    },
    LossRow {
        info: Variant::Cb.info(),
        reduction: Reduction::Mean,
        needs: LabelNeeds::SinglePositive,
        make: |given| resample(Variant::Cb, given),
    },
    LossRow {
        info: Variant::CbFocal.info(),
        reduction: Reduction::Mean,
        needs: LabelNeeds::SinglePositive,
        make: |given| resample(Variant::CbFocal, given),
    },
    LossRow {
        info: Ldam::INFO,
        reduction: Reduction::Mean,
        needs: LabelNeeds::SinglePositive,
        make: |given| {
            let (max_m, s, reduction) = (given.get("max_m")?, given.get("s")?, given.reduction());
            Ok(Box::new(Ldam::new(LdamConfig { max_m, s, reduction }, given.train()?)?))
        },
    },
    LossRow {
        info: Form::LogPrior.info(),
        reduction: Reduction::Mean,
        needs: LabelNeeds::SinglePositive,
        make: |given| logit_adjust(Form::LogPrior, given),
    },
    LossRow {
        info: Form::LogitPrior.info(),
        reduction: Reduction::Mean,
        needs: LabelNeeds::SinglePositive,
        make: |given| logit_adjust(Form::LogitPrior, given),
    },
    LossRow {
        info: info_of(Bound::Unbiased, Surrogate::Bce),
        reduction: Reduction::Mean,
        needs: LabelNeeds::SinglePositive,
        make: |given| propensity(Bound::Unbiased, Surrogate::Bce, given),
    },
    LossRow {
        info: info_of(Bound::Unbiased, Surrogate::SquaredHinge),
        reduction: Reduction::Mean,
        needs: LabelNeeds::SinglePositive,
        make: |given| propensity(Bound::Unbiased, Surrogate::SquaredHinge, given),
    },
    LossRow {
        info: info_of(Bound::Upper, Surrogate::Bce),
        reduction: Reduction::Mean,
        needs: LabelNeeds::SinglePositive,
        make: |given| propensity(Bound::Upper, Surrogate::Bce, given),
    },
    LossRow {
        info: info_of(Bound::Upper, Surrogate::SquaredHinge),
        reduction: Reduction::Mean,
        needs: LabelNeeds::SinglePositive,
        make: |given| propensity(Bound::Upper, Surrogate::SquaredHinge, given),
    },
    LossRow {
        info: Risk::Unbiased.info(),
        reduction: Reduction::Mean,
        needs: LabelNeeds::SinglePositive,
        make: |given| pu(Risk::Unbiased, given),
    },
    LossRow {
        info: Risk::NonNegative.info(),
        reduction: Reduction::Mean,
        needs: LabelNeeds::SinglePositive,
        make: |given| pu(Risk::NonNegative, given),
    },
];

/// The row of this name, in either table.
///
/// # Errors
/// [`LossError::UnknownLoss`] with the name that is nearest.
pub fn find(name: &str) -> Result<&'static LossRow, LossError> {
    let rows = || LOSSES.iter().chain(CLASS_LOSSES);
    rows().find(|row| row.info.name == name).ok_or_else(|| LossError::UnknownLoss {
        name: name.to_owned(),
        nearest: nearest(name, rows().map(|row| row.info.name)),
    })
}

impl LossRow {
    /// The loss with these options.
    ///
    /// # Errors
    /// [`LossError::UnknownParameter`] with the name that is nearest, [`LossError::Parameter`] for a value out
    /// of its range, [`LossError::MissingParameter`] where neither the options nor the data have a value,
    /// [`LossError::Classes`] where the data has too few classes. A row of [`CLASS_LOSSES`] lacks the class
    /// frequencies.
    pub fn build(&'static self, options: &Options) -> Result<Box<dyn MultiLabelLoss>, LossError> {
        self.make(options, None)
    }

    /// The loss with these options for a training set with these class frequencies, which rows of [`LOSSES`] do
    /// not look at.
    ///
    /// # Errors
    /// As [`build`](Self::build), and [`LossError::Unsupported`] for frequencies the loss cannot work with.
    pub fn build_for(
        &'static self,
        options: &Options,
        train: &ClassStatistics,
    ) -> Result<Box<dyn MultiLabelLoss>, LossError> {
        self.make(options, Some(train))
    }

    fn make(
        &'static self,
        options: &Options,
        train: Option<&ClassStatistics>,
    ) -> Result<Box<dyn MultiLabelLoss>, LossError> {
        options.check(self.info)?;
        (self.make)(&Given { row: self, options, train })
    }
}

/// Options as a row reads them.
struct Given<'a> {
    row: &'static LossRow,
    options: &'a Options,
    train: Option<&'a ClassStatistics>,
}

impl Given<'_> {
    fn get(&self, name: &'static str) -> Result<f64, LossError> {
        self.options.value(self.row.info, name)
    }

    fn train(&self) -> Result<&ClassStatistics, LossError> {
        self.train.ok_or(LossError::MissingParameter {
            loss: self.row.info.name,
            parameter: "class_frequencies",
            doc: "positives of each class in the training set, and its rows",
        })
    }

    fn reduction(&self) -> Reduction {
        self.options.reduction.unwrap_or(self.row.reduction)
    }
}

fn guarded(kind: Kind, given: &Given<'_>) -> Result<Box<dyn MultiLabelLoss>, LossError> {
    let config = GuardedConfig { log_epsilon: given.get("log_epsilon")?, reduction: given.reduction() };
    Ok(Box::new(GuardedBce::new(kind, config)?))
}

fn asl(setting: Setting, given: &Given<'_>) -> Result<Box<dyn MultiLabelLoss>, LossError> {
    Ok(Box::new(Asl::new(AslConfig {
        setting,
        gamma_pos: given.get("gamma_pos")?,
        gamma_neg: given.get("gamma_neg")?,
        clip: given.get("clip")?,
        eps: given.get("eps")?,
        reduction: given.reduction(),
    })?))
}

fn large_loss(scheme: Scheme, given: &Given<'_>) -> Result<Box<dyn MultiLabelLoss>, LossError> {
    let delta = given.get("delta_rel")? / 100.0;
    let config = LargeLossConfig { reduction: given.reduction(), ..LargeLossConfig::with_delta(delta) };
    Ok(Box::new(LargeLoss::new(scheme, config)?))
}

fn gr(preset: Preset, given: &Given<'_>) -> Result<Box<dyn MultiLabelLoss>, LossError> {
    let point = |w, b, mu, sigma| -> Result<Point, LossError> {
        Ok(Point { w: given.get(w)?, b: given.get(b)?, mu: given.get(mu)?, sigma: given.get(sigma)? })
    };
    let schedule = Schedule {
        start: point("w_start", "b_start", "mu_start", "sigma_start")?,
        end: point("w_end", "b_end", "mu_end", "sigma_end")?,
        num_epochs: given.get("num_epochs")? as usize,
        linear_init: given.get("linear_init")? as usize,
    };
    Ok(Box::new(Gr::new(GrConfig {
        preset,
        confidence: Confidence::Scheduled(schedule),
        q2: given.get("q2")?,
        q3: given.get("q3")?,
        log_epsilon: given.get("log_epsilon")?,
        reduction: given.reduction(),
    })?))
}

fn gr_repository(kind: Simple, given: &Given<'_>) -> Result<Box<dyn MultiLabelLoss>, LossError> {
    let config =
        RepositoryLossConfig { log_epsilon: given.get("log_epsilon")?, reduction: given.reduction() };
    Ok(Box::new(RepositoryLoss::new(kind, config)?))
}

fn resample(variant: Variant, given: &Given<'_>) -> Result<Box<dyn MultiLabelLoss>, LossError> {
    let published = variant.config(LongTail::Coco);
    let reweight = match published.reweight {
        Reweight::Rebalance { .. } => Reweight::Rebalance {
            alpha: given.get("map_alpha")?,
            beta: given.get("map_beta")?,
            mu: given.get("map_gamma")?,
        },
        Reweight::ClassBalanced { .. } => {
            Reweight::ClassBalanced { beta: given.get("cb_beta")?, mode: ClassBalance::ByClass }
        }
        other => other,
    };
    let mut config = ResampleConfig { reweight, reduction: given.reduction(), ..published };
    if config.focal.is_some() {
        let (balance, gamma) = (given.get("focal_balance")?, given.get("focal_gamma")?);
        config.focal = Some(FocalFactor { balance, gamma });
    }
    if given.row.info.param("neg_scale").is_some() {
        (config.neg_scale, config.init_bias) = (given.get("neg_scale")?, given.get("init_bias")?);
    }
    Ok(Box::new(Resample::new(variant, config, given.train()?)?))
}

fn logit_adjust(form: Form, given: &Given<'_>) -> Result<Box<dyn MultiLabelLoss>, LossError> {
    let config = LogitAdjustConfig { tau: given.get("tau")?, reduction: given.reduction() };
    Ok(Box::new(LogitAdjust::new(form, config, &given.train()?.priors(given.row.info.name)?)?))
}

fn propensity(
    bound: Bound,
    surrogate: Surrogate,
    given: &Given<'_>,
) -> Result<Box<dyn MultiLabelLoss>, LossError> {
    let propensities = Propensities { a: given.get("a")?, b: given.get("b")? }.of(given.train()?)?;
    Ok(Box::new(Propensity::new(bound, surrogate, &propensities, given.reduction())?))
}

fn pu_mlc(preset: PuPreset, given: &Given<'_>) -> Result<Box<dyn MultiLabelLoss>, LossError> {
    Ok(Box::new(PuMlc::new(PuMlcConfig {
        preset,
        alpha: given.get("alpha")?,
        gamma: given.get("gamma")?,
        eps: given.get("eps")?,
        reduction: given.reduction(),
    })?))
}

fn pu(risk: Risk, given: &Given<'_>) -> Result<Box<dyn MultiLabelLoss>, LossError> {
    let mut config = PuConfig { reduction: given.reduction(), ..PuConfig::default() };
    if risk == Risk::NonNegative {
        (config.beta, config.gamma) = (given.get("beta")?, given.get("gamma")?);
    }
    let (kept, observed) = (given.get("kept")?, given.train()?.priors(given.row.info.name)?);
    let priors: Vec<f64> = observed.iter().map(|share| share / kept).collect();
    Ok(Box::new(Pu::new(risk, config, &priors)?))
}

fn expected_positives(given: &Given<'_>) -> Result<ExpectedPositivesConfig, LossError> {
    Ok(ExpectedPositivesConfig {
        expected_positives: given.get("expected_positives")?,
        log_epsilon: given.get("log_epsilon")?,
        reduction: given.reduction(),
    })
}
