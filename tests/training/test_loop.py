"""The training loop held against a loop written the plain way, and its promises: determinism, divergence, averages."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score
from torch import nn

from netspace.training import Augment, DataSpec, ImageData, Recipe, evaluate, load_data, train

STILL = Augment(flip=False, shift=0)


@pytest.fixture(scope="module")
def digits() -> ImageData:
    return load_data(DataSpec(train=600, validation=400))


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, 2, 1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 16, 3, 2, 1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(16, 10),
    )


def plain_losses(model: nn.Module, data: ImageData, recipe: Recipe, seed: int) -> list[float]:
    """Train with nothing but PyTorch's own pieces: contiguous float images, its optimiser, its scheduler."""
    images = (torch.tensor(np.array(data.train_images)).float() - torch.tensor(data.mean)) / torch.tensor(data.std)
    images = images.permute(0, 3, 1, 2).float().contiguous()
    labels = torch.tensor(data.train_labels)
    optimizer = torch.optim.SGD(
        model.parameters(), lr=recipe.peak_lr, momentum=recipe.momentum, weight_decay=recipe.weight_decay, nesterov=True
    )
    steps = len(labels) // recipe.batch_size
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=recipe.epochs * steps)
    generator = torch.Generator().manual_seed(seed)
    means = []
    for _ in range(recipe.epochs):
        order = torch.randperm(len(labels), generator=generator)
        losses = []
        for rows in order[: steps * recipe.batch_size].split(recipe.batch_size):
            loss = nn.functional.cross_entropy(
                model(images[rows]), labels[rows], label_smoothing=recipe.label_smoothing
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            losses.append(loss.item())
        means.append(float(np.mean(losses)))
    return means


def test_losses_equal_those_of_a_plain_loop():
    data = load_data(DataSpec(train=600, validation=400))
    recipe = Recipe(
        epochs=3, batch_size=50, lr=0.1, nesterov=True, weight_decay=1e-3, label_smoothing=0.1, augment=STILL
    )
    result = train(network(), data, recipe, seed=3)
    expected = plain_losses(network(), data, recipe, seed=3)
    assert [epoch.train_loss for epoch in result.curve] == pytest.approx(expected, rel=1e-3)


def test_every_step_equals_that_of_a_plain_loop():
    """With one batch an epoch, the curve is the loss of each step."""
    data = load_data(DataSpec(train=64, validation=64))
    recipe = Recipe(epochs=12, batch_size=64, lr=0.05, reference_batch=None, nesterov=True, augment=STILL)
    losses = [epoch.train_loss for epoch in train(network(), data, recipe, seed=3).curve]
    assert losses == pytest.approx(plain_losses(network(), data, recipe, seed=3), rel=1e-4)
    assert losses[-1] < losses[0]


def test_digits_are_learned(digits):
    result = train(
        network(), digits, Recipe(epochs=15, batch_size=32, lr=0.2, reference_batch=None, augment=STILL), seed=1
    )
    assert result.status == "done"
    assert result.error is not None
    assert result.error < 50
    assert result.error == result.curve[-1].val_error


def test_the_same_seed_gives_the_same_error_and_another_seed_another_curve(digits):
    recipe = Recipe(epochs=2, batch_size=32, augment=Augment(shift=1))
    first, again, other = (train(network(), digits, recipe, seed=seed) for seed in (7, 7, 8))
    losses = [[epoch.train_loss for epoch in result.curve] for result in (first, again, other)]
    assert losses[0] == losses[1] != losses[2]
    assert first.error == again.error


def test_training_leaves_the_global_random_state_alone(digits):
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    train(network_without_reseeding(), digits, Recipe(epochs=1), seed=5)
    assert torch.equal(torch.rand(3), expected)


def network_without_reseeding() -> nn.Module:
    with torch.random.fork_rng():
        return network()


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_loss_that_is_not_finite_ends_the_run_as_diverged(digits, precision):
    recipe = Recipe(epochs=50, lr=1e20, precision=precision, augment=STILL)
    result = train(network(), digits, recipe, seed=0)
    assert result.status == "diverged"
    assert result.error is None
    assert len(result.curve) < 50


def test_the_averaged_weights_are_the_ones_evaluated(digits):
    recipe = Recipe(epochs=2, batch_size=50, ema_decay=0.9, augment=STILL)
    model = network()
    result = train(model, digits, recipe, seed=0)
    kept = evaluate(model, digits.validation_images, digits.validation_labels, digits, recipe, "cpu").top1_error
    raw = train(network(), digits, recipe.model_copy(update={"ema_decay": 0.0}), seed=0).error
    reference = network()
    average = {name: value.clone() for name, value in reference.state_dict().items()}
    expected = average_by_hand(reference, average, digits, recipe)
    assert result.error == pytest.approx(expected, abs=0.3)
    assert kept == result.error != raw


def average_by_hand(model: nn.Module, average: dict, data: ImageData, recipe: Recipe) -> float:
    """Follow the training with the recipe's rates and average every tensor after each step."""
    from netspace.training.optim import learning_rate

    images = (torch.tensor(np.array(data.train_images)).float() - torch.tensor(data.mean)) / torch.tensor(data.std)
    images, labels = images.permute(0, 3, 1, 2).float(), torch.tensor(data.train_labels)
    optimizer = torch.optim.SGD(model.parameters(), lr=1, momentum=recipe.momentum, weight_decay=recipe.weight_decay)
    generator, steps, step = torch.Generator().manual_seed(0), len(labels) // recipe.batch_size, 0
    for _ in range(recipe.epochs):
        for rows in torch.randperm(len(labels), generator=generator)[: steps * recipe.batch_size].split(
            recipe.batch_size
        ):
            optimizer.param_groups[0]["lr"] = learning_rate(recipe, step, steps)
            loss = nn.functional.cross_entropy(model(images[rows]), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            for name, value in model.state_dict().items():
                # the first update of an average takes the weights as they are
                decay = recipe.ema_decay if step else 0.0
                if value.is_floating_point():
                    average[name] = decay * average[name] + (1 - decay) * value
            step += 1
    averaged = network()
    averaged.load_state_dict(average)
    found = evaluate(averaged, data.validation_images, data.validation_labels, data, recipe, "cpu")
    assert found is not None
    return found.top1_error


def test_evaluation_counts_wrong_answers_over_all_batches():
    class Constant(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return nn.functional.one_hot(torch.full((len(x),), 3), 10).float()

    data = load_data(DataSpec(train=100, validation=1777))
    found = evaluate(Constant(), data.validation_images, data.validation_labels, data, Recipe())
    assert found.top1_error == pytest.approx(100 * (data.validation_labels != 3).mean())


def test_evaluations_can_be_left_to_the_last_epoch(digits):
    result = train(network(), digits, Recipe(epochs=3, evaluate_every=5, augment=STILL), seed=0)
    assert [epoch.val_error is None for epoch in result.curve] == [True, True, False]


def test_balanced_weights_train_as_if_rare_classes_were_repeated():
    """Against PyTorch's own weighted loss on a batch that is the whole split; scikit-learn's n / (classes x count)."""
    data = load_data(DataSpec(train=600, validation=400))
    kept = np.sort(np.concatenate([np.flatnonzero(data.train_labels != 3), np.flatnonzero(data.train_labels == 3)[:5]]))
    rare = replace(data, train_images=np.array(data.train_images)[kept], train_labels=data.train_labels[kept])
    n, counts = len(kept), np.bincount(rare.train_labels, minlength=10)
    recipe = Recipe(epochs=1, batch_size=n, lr=0.1, class_weights="balanced", augment=STILL)
    model = network()
    weights = torch.tensor(n / (10 * counts), dtype=torch.float32)
    images = (torch.tensor(np.array(rare.train_images)).float() - torch.tensor(data.mean)) / torch.tensor(data.std)
    logits = model(images.permute(0, 3, 1, 2))
    expected = nn.functional.cross_entropy(logits, torch.tensor(rare.train_labels), weight=weights)
    found = train(network(), rare, recipe).curve[0].train_loss
    assert found == pytest.approx(expected.item(), rel=1e-5)
    plain = train(network(), rare, recipe.model_copy(update={"class_weights": None})).curve[0].train_loss
    assert found != pytest.approx(plain, rel=1e-3)


def test_the_balanced_error_counts_every_class_the_same(digits):
    result = train(network(), digits, Recipe(epochs=1, batch_size=50, augment=STILL))
    assert result.balanced_error is not None
    model = network()
    found = evaluate(model, digits.validation_images, digits.validation_labels, digits, Recipe(epochs=1))
    images = (torch.tensor(np.array(digits.validation_images)).float() - torch.tensor(digits.mean)) / torch.tensor(
        digits.std
    )
    called = model.eval()(images.permute(0, 3, 1, 2)).argmax(dim=1).numpy()
    right = 1 - balanced_accuracy_score(digits.validation_labels, called)
    assert found.balanced_error == pytest.approx(100 * right)
