//! burn on its flex backend: layers, losses and Adam of burn, with PyTorch's settings of Adam.

use crate::{CLASSES, FEATURES, HIDDEN, Net, PICTURE_CLASSES, Steps, labels, parameter, pattern, targets};
use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::loss::{BinaryCrossEntropyLossConfig, CrossEntropyLossConfig};
use burn::nn::pool::MaxPool2dConfig;
use burn::nn::{Linear, LinearConfig, PaddingConfig2d};
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Int, Tensor, TensorData};

/// Any of the networks; that of pictures has convolutions.
#[derive(Module, Debug)]
struct Layers {
    convolutions: Vec<Conv2d>,
    linear: Vec<Linear>,
}

struct Training<const D: usize, const T: usize> {
    layers: Option<Layers>,
    adam: ModuleOptimizer,
    x: Tensor<D>,
    y: Tensor<T, Int>,
    loss: fn(&Layers, Tensor<D>, Tensor<T, Int>) -> Tensor<1>,
}

/// A network with its batch.
pub fn new(net: Net, batch: usize) -> Box<dyn Steps> {
    let device = Device::flex().autodiff();
    let layers = Some(layers(net, &device));
    let adam = AdamConfig::new().with_epsilon(1e-8).init();
    match net {
        Net::Cnn => {
            let x = pattern::series(batch * 3 * 32 * 32, pattern::INPUT);
            let x = Tensor::from_data(TensorData::new(x, [batch, 3, 32, 32]), &device);
            let targets = targets(batch).into_iter().map(|class| class as i32).collect();
            let y = Tensor::from_data(TensorData::new::<i32, _>(targets, [batch]), &device);
            Box::new(Training::<4, 1> { layers, adam, x, y, loss: pictures })
        }
        Net::Linear | Net::Mlp => {
            let x = pattern::series(batch * FEATURES, pattern::INPUT);
            let x = Tensor::from_data(TensorData::new(x, [batch, FEATURES]), &device);
            let labels = labels(batch).into_iter().map(i32::from).collect();
            let y = Tensor::from_data(TensorData::new::<i32, _>(labels, [batch, CLASSES]), &device);
            Box::new(Training::<2, 2> { layers, adam, x, y, loss: features })
        }
    }
}

fn layers(net: Net, device: &Device) -> Layers {
    let mut count = 0;
    let mut data = |shape: &[usize]| {
        count += 1;
        TensorData::new(parameter(count - 1, shape.iter().product()), shape.to_vec())
    };
    let convolution = |inputs: usize, outputs: usize, data: &mut dyn FnMut(&[usize]) -> TensorData| {
        let config = Conv2dConfig::new([inputs, outputs], [3, 3]);
        let mut layer = config.with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1)).init(device);
        layer.weight = Param::from_data(data(&[outputs, inputs, 3, 3]), device);
        layer.bias = Some(Param::from_data(data(&[outputs]), device));
        layer
    };
    let linear = |inputs: usize, outputs: usize, data: &mut dyn FnMut(&[usize]) -> TensorData| {
        let mut layer = LinearConfig::new(inputs, outputs).init(device);
        layer.weight = Param::from_data(data(&[inputs, outputs]), device);
        layer.bias = Some(Param::from_data(data(&[outputs]), device));
        layer
    };
    let convolutions = match net {
        Net::Cnn => vec![convolution(3, 32, &mut data), convolution(32, 64, &mut data)],
        Net::Linear | Net::Mlp => Vec::new(),
    };
    let linear = match net {
        Net::Linear => vec![linear(FEATURES, CLASSES, &mut data)],
        Net::Mlp => vec![linear(FEATURES, HIDDEN, &mut data), linear(HIDDEN, CLASSES, &mut data)],
        Net::Cnn => vec![linear(64 * 8 * 8, PICTURE_CLASSES, &mut data)],
    };
    Layers { convolutions, linear }
}

fn features(layers: &Layers, x: Tensor<2>, y: Tensor<2, Int>) -> Tensor<1> {
    let mut z = x;
    for (at, linear) in layers.linear.iter().enumerate() {
        z = linear.forward(if at > 0 { relu(z) } else { z });
    }
    let loss = BinaryCrossEntropyLossConfig::new().with_logits(true).init(&z.device());
    loss.forward(z, y)
}

fn pictures(layers: &Layers, x: Tensor<4>, y: Tensor<1, Int>) -> Tensor<1> {
    let pool = MaxPool2dConfig::new([2, 2]).with_strides([2, 2]).init();
    let mut z = x;
    for convolution in &layers.convolutions {
        z = pool.forward(relu(convolution.forward(z)));
    }
    let z = layers.linear[0].forward(z.flatten(1, 3));
    CrossEntropyLossConfig::new().init(&z.device()).forward(z, y)
}

impl<const D: usize, const T: usize> Training<D, T> {
    fn once(&mut self) -> Tensor<1> {
        let layers = self.layers.take().expect("put back after each step");
        let loss = (self.loss)(&layers, self.x.clone(), self.y.clone());
        let gradients = GradientsParams::from_grads(loss.backward(), &layers);
        self.layers = Some(self.adam.step(1e-3, layers, gradients));
        loss
    }
}

impl<const D: usize, const T: usize> Steps for Training<D, T> {
    fn step(&mut self) {
        self.once();
    }

    fn step_and_loss(&mut self) -> f64 {
        self.once().into_scalar::<f32>().into()
    }
}
