//! candle: layers and losses of candle-nn, Adam as AdamW without weight decay.

use crate::{CLASSES, FEATURES, HIDDEN, Net, PICTURE_CLASSES, Steps, labels, parameter, targets};
use candle_core::{Device, Result, Tensor, Var};
use candle_nn::loss::{binary_cross_entropy_with_logit, cross_entropy};
use candle_nn::{AdamW, Conv2d, Conv2dConfig, Linear, Module, Optimizer, ParamsAdamW};

struct Training {
    convolutions: Vec<Conv2d>,
    linear: Vec<Linear>,
    adam: AdamW,
    x: Tensor,
    y: Tensor,
}

/// A network with its batch.
pub fn new(net: Net, batch: usize) -> Box<dyn Steps> {
    Box::new(Training::new(net, batch).expect("shapes fit"))
}

/// The parameters of a network, in order.
#[derive(Default)]
struct Parameters(Vec<Var>);

impl Parameters {
    fn tensor(&self, shape: &[usize]) -> Result<Tensor> {
        Tensor::from_vec(parameter(self.0.len() as u32, shape.iter().product()), shape, &Device::Cpu)
    }

    /// The next parameter; its tensor shares the storage that the optimiser writes to.
    fn push(&mut self, value: &Tensor) -> Result<Tensor> {
        let var = Var::from_tensor(value)?;
        let shared = var.as_tensor().clone();
        self.0.push(var);
        Ok(shared)
    }

    fn convolution(&mut self, inputs: usize, outputs: usize) -> Result<Conv2d> {
        let w = self.push(&self.tensor(&[outputs, inputs, 3, 3])?)?;
        let b = self.push(&self.tensor(&[outputs])?)?;
        Ok(Conv2d::new(w, Some(b), Conv2dConfig { padding: 1, ..Conv2dConfig::default() }))
    }

    /// candle's weights have a row for each output, ours for each input.
    fn linear(&mut self, inputs: usize, outputs: usize) -> Result<Linear> {
        let w = self.push(&self.tensor(&[inputs, outputs])?.t()?.contiguous()?)?;
        let b = self.push(&self.tensor(&[outputs])?)?;
        Ok(Linear::new(w, Some(b)))
    }
}

impl Training {
    fn new(net: Net, batch: usize) -> Result<Self> {
        let mut parameters = Parameters::default();
        let (mut convolutions, mut linear) = (Vec::new(), Vec::new());
        match net {
            Net::Linear => linear.push(parameters.linear(FEATURES, CLASSES)?),
            Net::Mlp => {
                linear.push(parameters.linear(FEATURES, HIDDEN)?);
                linear.push(parameters.linear(HIDDEN, CLASSES)?);
            }
            Net::Cnn => {
                convolutions.push(parameters.convolution(3, 32)?);
                convolutions.push(parameters.convolution(32, 64)?);
                linear.push(parameters.linear(64 * 8 * 8, PICTURE_CLASSES)?);
            }
        }
        let shape: &[usize] = if net == Net::Cnn { &[batch, 3, 32, 32] } else { &[batch, FEATURES] };
        let x = crate::pattern::series(shape.iter().product(), crate::pattern::INPUT);
        let y = match net {
            Net::Cnn => Tensor::from_vec(targets(batch), batch, &Device::Cpu)?,
            _ => {
                let labels = labels(batch).into_iter().map(f32::from).collect();
                Tensor::from_vec::<_, f32>(labels, (batch, CLASSES), &Device::Cpu)?
            }
        };
        let settings = ParamsAdamW { lr: 1e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.0 };
        Ok(Self {
            convolutions,
            linear,
            adam: AdamW::new(parameters.0, settings)?,
            x: Tensor::from_vec(x, shape, &Device::Cpu)?,
            y,
        })
    }

    fn once(&mut self) -> Result<Tensor> {
        let mut z = self.x.clone();
        for convolution in &self.convolutions {
            z = convolution.forward(&z)?.relu()?.max_pool2d(2)?;
        }
        if !self.convolutions.is_empty() {
            z = z.flatten_from(1)?;
        }
        for (at, linear) in self.linear.iter().enumerate() {
            z = linear.forward(&if at > 0 { z.relu()? } else { z })?;
        }
        let loss = if self.convolutions.is_empty() {
            binary_cross_entropy_with_logit(&z, &self.y)?
        } else {
            cross_entropy(&z, &self.y)?
        };
        self.adam.backward_step(&loss)?;
        Ok(loss)
    }
}

impl Steps for Training {
    fn step(&mut self) {
        self.once().expect("shapes fit");
    }

    fn step_and_loss(&mut self) -> f64 {
        let loss = self.once().and_then(|loss| loss.to_scalar::<f32>());
        loss.expect("shapes fit").into()
    }
}
