"""The live training panel of notebook 04: train a VAE while watching and steering it."""

import itertools

import numpy as np
import torch
from ipywidgets import Button, Dropdown, FloatLogSlider, HBox, Layout, SelectionSlider
from tqdm.notebook import tqdm

from vae_helpers import data, evaluation, schedules
from vae_helpers.widgets import View
from vae_lessons.build_a_vae.lab import RECIPES as SETTINGS
from vae_lessons.start_here.live import LiveTraining
from vae_lessons.train_live import figures
from vae_lessons.train_live.lab import BATCH_SIZE, RECIPES, Stage, panel_trainer

SCHEDULES = {  # functions of the β to reach and of the steps that are planned
    "constant": lambda beta, steps: beta,
    "warm-up over the first third": lambda beta, steps: schedules.warm_up(-(-steps // 3), beta),
    "cyclical, four periods": lambda beta, steps: schedules.cyclical(-(-steps // 4), beta=beta),
}
# A logarithmic scale by hand: it has the original recipe's 9.8 and the upper end 100.
BETAS = [0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0,
         7.0, 9.8, 15.0, 20.0, 30.0, 50.0, 70.0, 100.0]
EPOCHS = [1, 2, 5, 10, 20, 50, 100]
BATCH_SIZES = [100, 200, 400, 800, 1600]
VALIDATED = slice(None, None, 5)  # validation images measured after each epoch: 1,000
POINTS = 250  # of a curve, at most
RECENT = 20  # steps over which the latents' rates are averaged


class TrainingPanel(View):
    """Start, pause, step and reset the training of a VAE, and steer it meanwhile.

    loop: the coroutine function that makes the steps, called as `lab.train_and_listen` is.
    recipe: one of `lab.RECIPES`, which the learner may change. The recipe and the seed make a new
    model, and so does Reset; all other controls act on the one in training. `stages` tells what
    the learner did.
    """

    def __init__(self, loop, recipe="the repaired recipe"):
        wide = {"layout": Layout(width="440px", max_width="100%"),
                "style": {"description_width": "100px"}}
        settings = SETTINGS[RECIPES[recipe]]
        controls = {
            "recipe": Dropdown(options=list(RECIPES), value=recipe, description="recipe", **wide),
            "seed": Dropdown(options=range(10), description="seed", **wide),
            "schedule": Dropdown(options=list(SCHEDULES), description="β's schedule", **wide),
            "beta": SelectionSlider(options=BETAS, value=settings["beta"], description="β", **wide),
            "learning_rate": FloatLogSlider(settings["learning_rate"], min=-5, max=-1, step=0.1,
                                            description="learning rate", readout_format=".1e",
                                            **wide),
            "batch_size": SelectionSlider(options=BATCH_SIZES, value=BATCH_SIZE,
                                          description="batch size", **wide),
            "epochs": SelectionSlider(options=EPOCHS, value=10, description="epochs", **wide),
        }
        self.trainer, self._made_of, self._epochs = None, None, None
        self._earlier, self._active = [], {}  # stages of earlier runs; {steps: active or not}
        digits = data.load_mnist()
        images = digits.train_images
        self._plateau = evaluation.mean_image_distortion(images, images)
        self._ten = digits.test_images[:10]
        self._validated = digits.validation_images[VALIDATED]
        self._live = LiveTraining(self, self.refresh, loop)
        self._bar = tqdm(total=1, unit=" images", display=False, unit_scale=True)
        controls["recipe"].observe(self._recipe_chosen, "value")
        super().__init__("live training panel", figures.training_panel, controls, self._arrays,
                         axes=[])  # what it shows depends on the run, so nothing is drawn ahead
        self._live.button.observe(lambda _change: self._restart_clock(), "value")
        step, reset = Button(description="Step"), Button(description="Reset")
        step.tooltip, reset.tooltip = "Train for one step", "Start anew from the seed"
        step.on_click(lambda _button: self._live.between_steps(self._single_step))
        reset.on_click(lambda _button: self._live.between_steps(self._reset))
        pairs = [HBox([controls[name] for name in names], layout=Layout(flex_flow="row wrap"))
                 for names in (("recipe", "seed"), ("schedule", "beta"),
                               ("learning_rate", "batch_size"), ("epochs",))]
        buttons = HBox([self._live, step, reset])
        rest = self.children[len(controls):]  # picture, caption, names
        self.children = [*pairs, buttons, self._bar.container, *rest]

    def step(self):
        """Train for one step, and pause after the last of the planned epochs.

        After that, *Train on* adds as many epochs again.
        """
        record = self.trainer.step()
        epoch, seen = len(self.trainer.images), self._seen[-1]
        images = min(self.trainer.batch_size, epoch - seen % epoch)  # the last batch is short
        self._seen.append(seen + images)
        if self._bar.total != self._end():
            self._restart_clock()
        self._bar.update(self._seen[-1] - self._bar.n)
        if self._seen[-1] == self._end():
            self._pause_at_the_end()
        return record

    def stages(self):
        """What the learner has done so far: one `lab.Stage` after another."""
        if self.trainer.records:
            self._look_at_latents()
        return self._earlier + self._stages_of_run()

    def close(self):
        """Stop training and remove the panel and its parts."""
        self._live.close()
        self._bar.close()
        for row in self.children:
            for part in getattr(row, "children", ()):
                part.close()
        super().close()

    def _changed(self, _change):
        """The next step obeys the controls; the picture, which takes longer, comes after it."""
        def between_steps():
            self._apply(**self.values())
            self._live.show_soon()

        self._live.between_steps(between_steps)

    def _recipe_chosen(self, change):
        for name in ("beta", "learning_rate"):
            self.controls[name].value = SETTINGS[RECIPES[change["new"]]][name]

    def _end(self):
        """Where training pauses, in images: after the planned epochs, or a multiple of them."""
        planned = self.controls["epochs"].value * len(self.trainer.images)
        return planned * max(1, -(-self._seen[-1] // planned))

    def _pause_at_the_end(self):
        epochs = self.controls["epochs"].value
        further = epochs * (self._seen[-1] // (epochs * len(self.trainer.images)) + 1)
        self._live.pause(f": all planned epochs ({epochs}) are done. "
                         f"Press Train on to go on to epoch {further}")

    def _single_step(self):
        if not self._live.button.value:
            self.step()
            self.refresh()

    def _reset(self):
        self._made_of = None
        self.refresh()

    def _apply(self, recipe, seed, schedule, beta, learning_rate, batch_size, epochs):
        """Bring the trainer where the controls are."""
        if self._made_of != (recipe, seed):
            self._start_anew(recipe, seed)
        trainer = self.trainer
        if trainer.records and (beta, learning_rate) != trainer.records[-1][1:3]:
            self._look_at_latents()  # a stage may end here
        trainer.learning_rate, trainer.batch_size = learning_rate, batch_size
        trainer.beta = SCHEDULES[schedule](beta, epochs * trainer.steps_per_epoch)
        if self._epochs != epochs:
            self._epochs = epochs
            self._live.clear_status()
            if self._seen[-1] >= epochs * len(trainer.images):  # fewer than are done
                self._pause_at_the_end()
            self._restart_clock()

    def _arrays(self, **controls):
        """The arrays of the figure, once the trainer is where the controls are."""
        self._apply(**controls)
        words = "{schedule}, learning rate {learning_rate:.2g}, batch size {batch_size}"
        return self._arrays_of_trainer() | {
            "target_beta": controls["beta"], "settings": words.format(**controls),
            "total": self._end() / len(self.trainer.images), "plateau": self._plateau,
        }

    def _look_at_latents(self):
        """Whether each latent is active now: the variance of its posterior mean exceeds 0.01."""
        steps = len(self.trainer.records)
        if steps not in self._active:
            means = evaluation.posterior_means(self.trainer.model, self._validated)  # [n, latent]
            self._active[steps] = (means.var(0) > 0.01).tolist()
        return self._active[steps]

    def _stages_of_run(self):
        """The steps of this run, cut where β or the learning rate changed."""
        records, stages = self.trainer.records if self.trainer else [], []
        for (beta, learning_rate), group in itertools.groupby(records, lambda r: r[1:3]):
            group = list(group)
            start, end = group[0].step, group[-1].step + 1
            looks = [active for steps, active in self._active.items() if start < steps <= end]
            parts = np.mean([(r.distortion, r.rate) for r in group[-RECENT:]], axis=0)
            stages.append(Stage(
                len(self._earlier), beta, learning_rate,
                (self._seen[end] - self._seen[start]) / len(self.trainer.images),
                *parts.tolist(), sum(looks[-1]) if looks else None))
        return stages

    def _start_anew(self, recipe, seed):
        self._live.button.value = False
        self._earlier += self._stages_of_run()
        self._active = {}
        self._live.clear_status()
        epoch = -(-len(data.load_mnist().train_images) // BATCH_SIZE)  # steps
        self.trainer = panel_trainer(
            recipe, seed, validation_images=self._validated, validate_every=epoch)
        self._made_of = recipe, seed
        self._seen = [0]  # images, after each step
        self._z = torch.randn(20, self.trainer.model.latent,
                              generator=torch.Generator().manual_seed(seed))
        self._restart_clock()

    def _restart_clock(self):
        """The time left is reckoned from now: what was before ran at another speed, or not."""
        self._bar.reset(self._end())
        self._bar.n = self._bar.initial = self._seen[-1]
        self._bar.refresh()

    def _arrays_of_trainer(self):
        trainer, epoch = self.trainer, len(self.trainer.images)
        model = trainer.model
        table = np.array([(r.distortion, r.rate) for r in trainer.records]).reshape(-1, 2)
        seen = np.array(self._seen[1:]) / epoch  # [step]
        groups = np.array_split(np.arange(len(seen)), min(POINTS, len(seen))) if len(seen) else []
        averages = [table[group].mean(0) for group in groups]
        distortion, rate = np.array(averages).reshape(-1, 2).T  # [group] each
        recent = np.array([r.rate_per_latent for r in trainer.records[-RECENT:]])
        back = evaluation.decode(model, evaluation.posterior_means(model, self._ten))
        return {
            "epochs": [seen[group[-1]] for group in groups],
            "distortion": distortion, "rate": rate,
            "validated": [seen[step - 1] for step, _ in trainer.validations],
            "validation_neg_elbo": [-found.elbo for _, found in trainer.validations],
            "rates": recent.mean(0) if len(recent) else np.zeros(model.latent),
            "active": self._look_at_latents(),
            "originals": self._ten.numpy() / 255,
            "reconstructions": back.reshape(10, 28, 28).numpy(),  # [10, 784] -> [10, 28, 28]
            "samples": evaluation.decode(model, self._z).reshape(20, 28, 28).numpy(),
            "beta": trainer.records[-1].beta if trainer.records else float(
                trainer.beta(0) if callable(trainer.beta) else trainer.beta),
        }
