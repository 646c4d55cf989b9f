"""Bad settings end in one clear line before anything is compiled."""

import re
from typing import Any

import pytest

from colorflax import config
from colorflax.config import rules
from colorflax.errors import UserError
from configs import fusion, iizuka, lite, simple, unet, zhang


@pytest.mark.parametrize(
    "words", ["", "classification", "imagenet", "classification,imagenet"]
)
def test_configs_are_valid(words: str) -> None:
    parsed = config.parse(fusion.get_config(words))
    assert config.parse(parsed.to_dict()) == parsed


def test_unknown_word_is_named() -> None:
    with pytest.raises(ValueError, match="'imagnet'.*classification, imagenet"):
        fusion.get_config("imagnet")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("train.stepz", 5, r"config\.train\.stepz is not a known setting"),
        ("train.steps", "many", r"config\.train\.steps should be int, not 'many'"),
        ("train.steps", 0, r"config\.train\.steps should be at least 1, not 0"),
        ("train.steps", True, r"config\.train\.steps should be int, not True"),
        ("train.keep", 0, r"config\.train\.keep should be at least 1"),
        ("train.parallel", "tpu", r"config\.train\.parallel should be jit or pmap"),
        ("optim.learning_rate", 0.0, r"learning_rate should be positive"),
        ("optim", 3, r"config\.optim should hold keys and values, not 3"),
        ("model.name", "resnet", r"config\.model\.name should be fusion"),
        ("features.name", "resnet", r"features\.name cannot be 'resnet'; choose "),
        ("model.stride", 3, r"stride of fusion should be 2 or 4, not 3"),
        ("model.dropout", 0.1, r"fusion leaves nothing out .*model\.dropout=0"),
        ("model.encoder", "imagenet", r"fusion has no way down .*encoder=random"),
        ("model.encoder_size", 1, r"encoder_size should be 0 or 2, not 1"),
        ("model.encoder_size", 2, r"fusion has a way down of one size; .*size=0"),
        ("model.dropout", 1.0, r"dropout should be at least 0 and below 1, not 1"),
        ("objective.name", "classification", r"--config\.model\.stride=4"),
        ("objective.temperature", 0.0, r"temperature should be positive"),
        ("objective.rebalance", 1.5, r"rebalance should be in 0\.\.1, not 1\.5"),
        ("objective.loss", "l1", r"objective\.loss should be mse or huber, not 'l1'"),
        ("objective.huber_delta", 0.0, r"huber_delta should be positive, not 0"),
        ("objective.tau", 1.0, r"tau=1 tilts a distribution"),
        ("objective.gain", 0.0, r"gain should be positive, not 0"),
        ("objective.gain", 11.0, r"gain should be in 0\.\.10, not 11"),
        ("objective.gain", float("nan"), r"gain should be positive, not nan"),
        ("data.source", "photos", r"'photos' should be builtin, folder:DIR, records:"),
        ("data.source", "tfds:", r"'tfds:' should be builtin, .* or tfds:NAME"),
        ("data.train_split", "", r"config\.data\.train_split: '' is not a split"),
        ("data.train_split", "train[9]", r"'train\[9\]' is not a split; write NAME or"),
        ("data.train_split", "train[10%:5%]", r"ends before it begins"),
        ("data.train_split", "train[-5:-9]", r"ends before it begins"),
        ("data.validation_split", "train[:0]", r"validation_split: .* ends before"),
        ("data.validation_split", "test[:101%]", r"asks for more than 100%"),
        ("data.validation_split", "train[90%:]", r"train_split=train and .* overlap"),
        ("data.validation_percent", 100.0, r"below 100, not 100"),
        ("data.max_bad_percent", 101.0, r"bad_percent should be in 0\.\.100, not 101"),
        ("data.augment.grain", -1.0, r"augment\.grain should be in 0\.\.50, not -1"),
        ("data.augment.sepia", 1.0, r"data\.augment\.sepia is not a known setting"),
        ("data.short_side", 63, r"short_side=63 is smaller than .*data\.size=64"),
        ("data.scale_jitter", 0.5, r"data\.scale_jitter should be in 1\.\.8, not 0\.5"),
        ("seed", -1, r"config\.seed should be in 0\.\.4294967295, not -1"),
    ],
)  # fmt: skip
def test_bad_settings(path: str, value: Any, message: str) -> None:
    values = fusion.get_config().to_dict()
    *folders, name = path.split(".")
    place = values
    for folder in folders:
        place = place[folder]
    place[name] = value
    with pytest.raises(UserError, match=message) as raised:
        config.parse(values)
    assert "\n" not in str(raised.value)


def test_missing_setting_is_named() -> None:
    values = fusion.get_config().to_dict()
    del values["data"]["flip"]
    with pytest.raises(UserError, match=re.escape("config.data.flip is missing")):
        config.parse(values)


def test_every_knob_can_be_turned_on_the_command_line() -> None:
    """Flags know what a config holds: configs hold all there is."""
    for recipe in (fusion, iizuka, lite, simple, unet, zhang):
        values = recipe.get_config()
        assert values.to_dict() == config.parse(values).to_dict()


def test_whole_numbers_are_fine_where_fractions_are_meant() -> None:
    values = fusion.get_config().to_dict()
    values["data"]["validation_percent"] = 5
    assert config.parse(values).data.validation_percent == 5.0


def test_batch_that_does_not_divide() -> None:
    settings = config.parse(fusion.get_config("imagenet"))
    rules.check_devices(settings, devices=4, processes=2)
    with pytest.raises(UserError, match="100 does not divide over 8 devices.* 104"):
        rules.check_devices(settings, devices=8, processes=1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train.steps": 4_000}, r"=4000 goes on where .* is 0.*cosine_steps=4000"),
        ({"optim.weight_decay": 1e-4}, r"weight_decay=0\.0001 would take from what"),
    ],
)
def test_what_would_not_train_as_it_says(
    changes: dict[str, float], message: str
) -> None:
    """Is refused, but checkpoints of such runs can be read."""
    values = lite.get_config()
    rules.check_training(config.parse(values))
    values.update_from_flattened_dict(changes)
    settings = config.parse(values)
    with pytest.raises(UserError, match=message):
        rules.check_training(settings)


@pytest.mark.parametrize(
    ("train", "validation", "overlap"),
    [
        ("train[:90%]", "train[90%:]", False),
        ("train[:90%]", "train[89%:]", True),
        ("train[:90%]", "train[-10%:]", False),
        ("train[10:]", "train[:10]", False),
        ("train[10:]", "train[:11]", True),
        ("train[:-5]", "train[-5:]", False),
        ("train[:-5]", "train[-6:]", True),
        ("train", "validation", False),
        ("train[:50%]", "train[60:]", False),  # depends on how many there are
    ],
)
def test_overlap_of_splits(train: str, validation: str, overlap: bool) -> None:
    values = fusion.get_config().to_dict()
    values["data"] |= {"train_split": train, "validation_split": validation}
    if overlap:
        with pytest.raises(UserError, match="overlap; let one end where the other"):
            config.parse(values)
    else:
        config.parse(values)


def test_a_rate_that_never_rises_or_falls_is_told() -> None:
    def doubts(**optim: object) -> str:
        values = fusion.get_config().to_dict()
        values["train"]["steps"] = 10
        values["optim"] |= optim
        return "; ".join(rules.doubts(config.parse(values)))

    assert doubts() == ""
    assert doubts(schedule="cosine", cosine_steps=10) == ""
    assert "before the learning rate has fallen" in doubts(
        schedule="cosine", cosine_steps=11
    )
    assert doubts(warmup_steps=9) == ""
    assert "while the learning rate still rises" in doubts(warmup_steps=10)
