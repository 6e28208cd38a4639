"""VAEs whose decoder has a σ that is fixed, learned or optimal: made, measured and shown."""

import math

import torch
from torch import nn

from vae_helpers import arguments, data, elbo, evaluation
from vae_lessons.choose_a_log_variance import lab
from vae_lessons.train_in_two_stages.lab import LearnedScaleVAE


def make_model(seed, sigma, latent, hidden):
    """The untrained model of one variant.

    sigma: the decoder's fixed standard deviation; "learned", by the gradient, from 1; or
    "optimal", the root mean square error of each minibatch.
    """
    if sigma == "optimal":
        return LearnedScaleVAE(latent, hidden, seed=seed)
    learned = sigma == "learned"
    noise = 0.0 if learned else 2 * math.log(sigma)
    return lab.SigmaVAE(latent, hidden, noise=noise, learned=learned, seed=seed)


class ImageSigmaVAE(lab.SigmaVAE):
    """p(x|z) = N(sigmoid(logits), σ²(z) I): one log variance for each image, a function of its z.

    It is `noise` plus a weighted sum of the decoder's last hidden layer. The weights begin at 0,
    so at first all images have the same. Arguments as of `lab.SigmaVAE`; `noise` is learned too.
    """

    def __init__(self, latent, hidden=(400,), *, noise, seed):
        super().__init__(latent, hidden, noise=noise, learned=True, seed=seed)
        self.weights = nn.Parameter(torch.zeros(self.decoder[-1].in_features))

    def image_and_noise(self, z):
        """The image [batch, pixels] and the log variance of its pixels [batch, 1] of z."""
        inner = self.decoder[:-1](z)  # [batch, hidden]
        return self.decoder[-1](inner).sigmoid(), self.noise + (inner @ self.weights)[:, None]

    def elbo_parts(self, x, eps):
        """As `lab.SigmaVAE.elbo_parts`."""
        mean, logvar = self.encode(x)
        image, noise = self.image_and_noise(elbo.reparameterize(mean, logvar, eps))
        distortion = -elbo.gaussian_log_prob(x, image, noise.expand_as(image))
        return distortion, elbo.gaussian_kl_per_latent(mean, logvar)


@torch.no_grad()
def measure_image_noise(model, images, seed):
    """What an `ImageSigmaVAE` knows of the errors of `images`, with one draw of z for each.

    squared_error: of a pixel, averaged. correlation: over images, of log σ² with the log of the
    mean squared error of the image's pixels. at_most: nats per image that σ² equal to each
    image's own error would gain over one σ² for all.
    """
    generator, errors, noises = arguments.generator(seed), [], []
    with evaluation.evaluation_mode(model):
        for x in evaluation.chunks(model, images):
            mean, logvar = model.encode(x)
            eps = data.noise(generator, *mean.shape, like=mean)
            image, noise = model.image_and_noise(elbo.reparameterize(mean, logvar, eps))
            errors.append((x - image).square().mean(1).double())
            noises.append(noise[:, 0].double())
    error, noise = torch.cat(errors), torch.cat(noises)  # [n] each
    gain = 0.5 * model.pixels * (error.mean().log() - error.log().mean())
    return {"squared_error": error.mean().item(), "at_most": gain.item(),
            "correlation": torch.corrcoef(torch.stack([noise, error.log()]))[0, 1].item()}


def measure_variant(model, seed):
    """What a trained variant reaches on the test images, and on the validation images.

    variance: its decoder's σ²; distortion, rate: nats per image; squared_error: of a test
    pixel; train_error: of a training pixel, which is the σ² that could be put in afterwards.
    validation: distortion, rate and squared_error of the validation images.
    """
    digits = data.load_mnist()

    def measure(images):
        found = evaluation.evaluate(model, images, seed=seed)
        return found._asdict() | {"squared_error": lab.squared_error(model, found.distortion)}

    train = measure(digits.train_images[:len(digits.test_images)])
    return measure(digits.test_images) | {
        "validation": measure(digits.validation_images),
        "variance": model.variance.item(), "train_error": train["squared_error"],
        "active": evaluation.active_units(model, digits.test_images),
    }


def neg_elbo(end):
    """−ELBO in nats per image of what `measure_variant` found, with the model's own σ."""
    return end["distortion"] + end["rate"]


def neg_elbo_refitted(end):
    """The same with the σ² put in after training that the training images call for."""
    return lab.distortion(end["squared_error"], end["train_error"]) + end["rate"]


@torch.no_grad()
def reconstructed(model, images, seed):
    """What the decoder makes of one draw from q(z|x) of each of `images`: [n, 28, 28] in [0, 1]."""
    with evaluation.evaluation_mode(model):
        mean, logvar = model.encode(data.pixels(images))
        eps = data.noise(arguments.generator(seed), *mean.shape, like=mean)
        image = model.decode(elbo.reparameterize(mean, logvar, eps)).sigmoid()
    return image.reshape(-1, 28, 28).numpy()


@torch.no_grad()
def sampled(model, count, seed):
    """`count` samples from the prior, decoded without the pixels' noise: [count, 28, 28]."""
    z = torch.randn(count, model.latent, generator=arguments.generator(seed))
    return evaluation.decode(model, z).reshape(-1, 28, 28).numpy()
