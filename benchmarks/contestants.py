"""One contestant of `training_speed`: train a VAE of 784-400-20, time the epochs, evaluate it.

    python benchmarks/contestants.py NAME EPOCHS IMAGES SEED

prints one line of JSON. Each contestant is written as its own documentation shows, with batches of
128, Adam with a learning rate of 1e-3, grey-scale pixels, two threads and float32. At the end its
weights are copied into our `models.VAE`, so that one function measures the test −ELBO of all.
"""

import gzip
import json
import sys
import tempfile
import time

from vae_helpers import data, evaluation, files, models, training  # before torch

# isort: split
import torch
from torch import nn, optim
from torch.nn import functional as F

PIXELS, HIDDEN, LATENT, BATCH, RATE = 784, 400, 20, 128, 1e-3


def ours(images, epochs, seed):
    model = models.VAE(LATENT, (HIDDEN,), seed=seed)
    trainer = training.Trainer(model, images, batch_size=BATCH, learning_rate=RATE, seed=seed)

    def epoch():
        for _ in range(trainer.steps_per_epoch):
            trainer.step()

    return [timed(epoch) for _ in range(epochs)], model


def plain(images, epochs, seed):
    """The same computation in a plain loop, without the Trainer's checks, records and copies."""
    torch.set_flush_denormal(True)
    model, generator = models.VAE(LATENT, (HIDDEN,), seed=seed), torch.Generator().manual_seed(seed)
    optimizer = optim.Adam(model.parameters(), lr=RATE, fused=True)

    def epoch():
        model.train()
        total = 0
        for batch in torch.randperm(len(images), generator=generator).split(BATCH):
            x = images[batch].flatten(1).float() / 255  # [batch, 28, 28] -> [batch, 784]
            mean, logvar = model.encode(x)
            z = mean + torch.exp(0.5 * logvar) * torch.randn(mean.shape, generator=generator)
            distortion = F.binary_cross_entropy_with_logits(model.decode(z), x, reduction="sum")
            rate = -0.5 * torch.sum(1 + logvar - mean.square() - logvar.exp())
            loss = (distortion + rate) / len(x)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()

    return [timed(epoch) for _ in range(epochs)], model


class ExampleVAE(nn.Module):
    """The VAE from PyTorch's examples, https://github.com/pytorch/examples/tree/main/vae."""

    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(PIXELS, HIDDEN)
        self.fc21 = nn.Linear(HIDDEN, LATENT)
        self.fc22 = nn.Linear(HIDDEN, LATENT)
        self.fc3 = nn.Linear(LATENT, HIDDEN)
        self.fc4 = nn.Linear(HIDDEN, PIXELS)

    def encode(self, x):
        hidden = F.relu(self.fc1(x))
        return self.fc21(hidden), self.fc22(hidden)

    def decode(self, z):
        return torch.sigmoid(self.fc4(F.relu(self.fc3(z))))

    def forward(self, x):
        mean, logvar = self.encode(x.view(-1, PIXELS))
        std = torch.exp(0.5 * logvar)
        return self.decode(mean + torch.randn_like(std) * std), mean, logvar


def example_loss(reconstruction, x, mean, logvar):
    """−ELBO summed over the batch, as in PyTorch's example."""
    cross_entropy = F.binary_cross_entropy(reconstruction, x.view(-1, PIXELS), reduction="sum")
    return cross_entropy - 0.5 * torch.sum(1 + logvar - mean.pow(2) - logvar.exp())


def dataloader(images, epochs, seed):
    """The loop of PyTorch's example: MNIST from torchvision, `ToTensor`, a `DataLoader`."""
    from torchvision import datasets, transforms

    root = files.cache_dir() / "mnist"
    for packed in data.PACKAGED.glob("*.gz"):  # torchvision reads unzipped files
        with files.atomic_write(root / "MNIST" / "raw" / packed.stem) as file:
            file.write(gzip.decompress(packed.read_bytes()))
    mnist = datasets.MNIST(root, transform=transforms.ToTensor())
    mnist.data = mnist.data[:len(images)]
    loader = torch.utils.data.DataLoader(mnist, batch_size=BATCH, shuffle=True)
    torch.manual_seed(seed)
    model = ExampleVAE()
    optimizer = optim.Adam(model.parameters(), lr=RATE)

    def epoch():
        model.train()
        total = 0
        for x, _ in loader:
            optimizer.zero_grad()
            reconstruction, mean, logvar = model(x)
            loss = example_loss(reconstruction, x, mean, logvar)
            loss.backward()
            total += loss.item()
            optimizer.step()

    return [timed(epoch) for _ in range(epochs)], as_ours(model)


def pyro(images, epochs, seed):
    """SVI as in Pyro's tutorial, https://pyro.ai/examples/vae.html, with two differences.

    The pixels are a tensor in memory, as in our Trainer, without a `DataLoader`. The KL is in
    closed form, as in all other contestants: `TraceMeanField_ELBO` instead of `Trace_ELBO`.
    """
    import pyro as ppl
    from pyro import distributions as dist
    from pyro.infer import SVI, TraceMeanField_ELBO

    ppl.clear_param_store()
    ppl.set_rng_seed(seed)
    net, x = ExampleVAE(), data.pixels(images)

    def model(x):
        ppl.module("net", net)
        with ppl.plate("data", len(x)):
            shape = len(x), LATENT
            z = ppl.sample("latent", dist.Normal(x.new_zeros(shape), x.new_ones(shape)).to_event(1))
            ppl.sample("obs", dist.Bernoulli(net.decode(z)).to_event(1), obs=x)

    def guide(x):
        ppl.module("net", net)
        with ppl.plate("data", len(x)):
            mean, logvar = net.encode(x)
            ppl.sample("latent", dist.Normal(mean, torch.exp(0.5 * logvar)).to_event(1))

    svi = SVI(model, guide, ppl.optim.Adam({"lr": RATE}), loss=TraceMeanField_ELBO())

    def epoch():
        with ppl.validation_enabled(False):  # grey-scale pixels are not 0 or 1
            for rows in torch.randperm(len(x)).split(BATCH):
                svi.step(x[rows])

    return [timed(epoch) for _ in range(epochs)], as_ours(net)


def pythae(images, epochs, seed):
    """pythae's `VAE` and `BaseTrainer`, with the example's layers as encoder and decoder."""
    from pythae.data.datasets import BaseDataset
    from pythae.models import VAE, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig
    from pythae.trainers.training_callbacks import TrainingCallback

    torch.manual_seed(seed)
    net = ExampleVAE()

    class Encoder(BaseEncoder):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList([net.fc1, net.fc21, net.fc22])

        def forward(self, x):
            mean, logvar = net.encode(x)
            return ModelOutput(embedding=mean, log_covariance=logvar)

    class Decoder(BaseDecoder):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList([net.fc3, net.fc4])

        def forward(self, z):
            return ModelOutput(reconstruction=net.decode(z))

    class Clock(TrainingCallback):
        seconds = []

        def on_epoch_begin(self, *_arguments, **_settings):
            self.started = time.perf_counter()

        def on_epoch_end(self, *_arguments, **_settings):
            self.seconds.append(time.perf_counter() - self.started)

    config = VAEConfig(input_dim=(PIXELS,), latent_dim=LATENT, reconstruction_loss="bce")
    with tempfile.TemporaryDirectory() as folder:
        settings = BaseTrainerConfig(
            output_dir=folder, num_epochs=epochs, learning_rate=RATE, no_cuda=True, seed=seed,
            per_device_train_batch_size=BATCH, optimizer_cls="Adam",
        )
        dataset = BaseDataset(data.pixels(images), torch.zeros(len(images)))
        BaseTrainer(VAE(config, Encoder(), Decoder()), dataset, training_config=settings,
                    callbacks=[Clock()]).train()
    return Clock.seconds, as_ours(net)


def products(images, epochs, seed):
    """Only the matrix products of the same steps, forward and backward, into existing memory.

    A layer of [inputs, outputs] needs one product forward, one for the gradient of its weights,
    and one for the gradient of its input, except the first layer.
    """
    generator = torch.Generator().manual_seed(seed)
    shapes = [(PIXELS, HIDDEN), (HIDDEN, 2 * LATENT), (LATENT, HIDDEN), (HIDDEN, PIXELS)]
    work = []
    for position, (inputs, outputs) in enumerate(shapes):
        x, gradient, weights = (torch.randn(shape, generator=generator) for shape in
                                ((BATCH, inputs), (BATCH, outputs), (outputs, inputs)))
        pairs = [(x, weights.T), (gradient.T, x), (gradient, weights)]
        work += [(a, b, torch.empty(len(a), b.shape[1])) for a, b in pairs[:3 if position else 2]]

    def epoch():
        for _ in range(-(-len(images) // BATCH)):
            for a, b, out in work:
                torch.mm(a, b, out=out)

    return [timed(epoch) for _ in range(epochs)], None


def as_ours(net):
    """Our `models.VAE` with the weights of an `ExampleVAE`, whose two heads are concatenated."""
    model, heads = models.VAE(LATENT, (HIDDEN,), seed=0), (net.fc21, net.fc22)
    layers = zip(("encoder.0", "decoder.0", "decoder.2"), (net.fc1, net.fc3, net.fc4))
    state = {f"{name}.{part}": getattr(layer, part) for name, layer in layers
             for part in ("weight", "bias")}
    state |= {f"encoder.2.{part}": torch.cat([getattr(head, part) for head in heads])
              for part in ("weight", "bias")}
    model.load_state_dict(state)
    return model


def timed(work):
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


CONTESTANTS = {function.__name__: function
               for function in (ours, plain, dataloader, pyro, pythae, products)}


def main(name, epochs, count, seed):
    torch.set_num_threads(2)
    digits = data.load_mnist()
    seconds, model = CONTESTANTS[name](digits.train_images[:int(count)], int(epochs), int(seed))
    elbo = model and evaluation.evaluate(model, digits.test_images, seed=0).elbo
    print(json.dumps({"seconds": seconds, "neg_elbo": elbo and -elbo}))


if __name__ == "__main__":
    main(*sys.argv[1:])
