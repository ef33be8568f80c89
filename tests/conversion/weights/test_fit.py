import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from conversion.errors import ONE_OUTPUT
from conversion.weights.checkpoint import Entries
from conversion.weights.fit import Filled, fill
from tests.support import refusals

State = dict[str, torch.Tensor]


@pytest.fixture(autouse=True)
def _logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "image_classifier")


def new_network(outputs: int = 2) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, outputs))


def state_of(value: float, outputs: int = 2) -> State:
    """Of a network whose parameters all have one value."""
    network = new_network(outputs)
    for parameter in network.parameters():
        nn.init.constant_(parameter, value)
    return network.state_dict()


def under(prefix: str, state: State) -> State:
    return {prefix + name: tensor for name, tensor in state.items()}


def filled(entries: Entries, entry: str | None = None) -> tuple[Filled, float]:
    """What was taken, and the value of the parameters afterwards."""
    network = new_network()
    found = fill(network, entries, "x.pth", 2, entry)
    (value,) = set(nn.utils.parameters_to_vector(network.parameters()).tolist())
    return found, value


def refusal(entries: Entries, entry: str | None = None, outputs: int = 2) -> str:
    return refusals.refusal(fill, new_network(outputs), entries, "x.pth", outputs, entry)


def test_a_state_dict_is_taken_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    assert filled({"": state_of(2)}) == (Filled(".", True), 2)
    assert caplog.messages == []


def test_counters_may_be_absent() -> None:
    state = {name: each for name, each in state_of(2).items() if "num_batches" not in name}
    assert filled({"": state}) == (Filled(".", True), 2)


@pytest.mark.parametrize(
    "prefix", ["module.", "_orig_mod.", "module._orig_mod.", "model.", "net.backbone."]
)
@pytest.mark.parametrize("entry", ["", "state_dict", "anything"])
def test_whatever_stands_before_the_names_is_named_in_the_log(
    entry: str, prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    name = f"{entry}.{prefix}".strip(".")
    assert filled({entry: under(prefix, state_of(2))}) == (Filled(name, True), 2)
    assert caplog.messages == [f"took {name!r} from x.pth"]


def test_plain_weights_are_taken_and_the_averaged_ones_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    entries = {"model_ema": under("module.", state_of(3)), "model": state_of(2)}
    assert filled(entries) == (Filled("model", True), 2)
    assert caplog.messages == ["took 'model' from x.pth; not used: model_ema.module"]


@pytest.mark.parametrize("entry", ["model_ema", "model_ema.module"])
def test_averaged_weights_are_taken_if_asked_for(
    entry: str, caplog: pytest.LogCaptureFixture
) -> None:
    entries = {"model": state_of(2), "model_ema": under("module.", state_of(3))}
    assert filled(entries, entry) == (Filled("model_ema.module", True), 3)
    assert caplog.messages == ["took 'model_ema.module' from x.pth; not used: model"]


@pytest.mark.parametrize("prefix", ["ema_model.", "model_ema.module.", "swa.", "averaged_model."])
def test_plain_and_averaged_weights_in_one_dict_are_told_apart(prefix: str) -> None:
    entries = {"state_dict": {**under("model.", state_of(2)), **under(prefix, state_of(3))}}
    assert filled(entries) == (Filled("state_dict.model", True), 2)
    assert filled(entries, f"state_dict.{prefix}") == (
        Filled(f"state_dict.{prefix}".strip("."), True),
        3,
    )


def test_averaged_weights_in_a_plain_dict_are_told_apart() -> None:
    entries = {"": {**state_of(2), **under("ema.", state_of(3))}}
    assert filled(entries) == filled(entries, ".") == (Filled(".", True), 2)
    assert filled(entries, "ema") == (Filled("ema", True), 3)


def test_averaged_weights_alone_are_taken() -> None:
    network = new_network()
    for parameter in network.parameters():
        nn.init.constant_(parameter, 2)
    averaged = AveragedModel(network).state_dict()
    assert "n_averaged" in averaged
    assert filled({"": averaged}) == (Filled("module", True), 2)


@pytest.mark.parametrize("name", ["n_averaged", "total_ops", "0.total_params"])
def test_counters_beside_the_weights_do_not_matter(name: str) -> None:
    entries = {"": {**state_of(2), name: torch.tensor(7)}}
    assert filled(entries) == (Filled(".", True), 2)


@pytest.mark.parametrize(
    "names", [("student", "teacher"), ("model", "state_dict"), ("a.b", "a.c"), ("ema", "swa")]
)
def test_several_entries_that_fit_are_refused_with_the_choice(names: tuple[str, str]) -> None:
    entries = {name: state_of(value) for value, name in enumerate(names, start=2)}
    assert refusal(entries) == (
        f"x.pth holds weights of this network more than once: {names[0]}, {names[1]}; "
        "choose with --entry NAME"
    )
    assert filled(entries, names[1]) == (Filled(names[1], True), 3)


@pytest.mark.parametrize(
    ("names", "entry", "told"),
    [
        (["conv1.filters"], None, "; it holds: model.conv1.filters"),
        (["0.weight"], "mode", " under 'mode'; it holds: model.0.weight"),
        (
            list("abcdefg"),
            None,
            "; it holds: model.a, model.b, model.c, model.d, model.e and 2 more",
        ),
    ],
)
def test_weights_of_another_network_are_refused_with_what_there_is(
    names: list[str], entry: str | None, told: str
) -> None:
    entries = {"model": {name: torch.ones(1) for name in names}}
    assert refusal(entries, entry) == f"x.pth holds no weights of this network{told}"


def test_more_layers_than_the_network_has_are_refused() -> None:
    entries = {"model": {**state_of(2), "4.weight": torch.ones(1)}}
    assert refusal(entries) == "x.pth does not fit the network; unexpected: 4.weight"
    assert refusal(entries, "model") == refusal(entries)


def test_tensors_beside_the_network_are_refused_unless_it_was_asked_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    entries = {"state_dict": {**under("model.", state_of(2)), "criterion.weight": torch.ones(2)}}
    assert refusal(entries) == (
        "x.pth holds more than this network: beside 'state_dict.model' also criterion.weight; "
        "if 'state_dict.model' alone is the network, add --entry state_dict.model"
    )
    assert filled(entries, "state_dict.model") == (Filled("state_dict.model", True), 2)
    assert caplog.messages == ["took 'state_dict.model' from x.pth; not used: criterion.weight"]


@pytest.mark.parametrize("name", ["aux1.fc", "AuxLogits.fc", "aux_head"])
def test_a_head_that_only_training_uses_is_left_out(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    entries = {"": {**state_of(2), f"{name}.weight": torch.ones(1000, 4)}}
    assert filled(entries) == (Filled(".", True), 2)
    assert caplog.messages == [f"left out, as only training uses them: {name.partition('.')[0]}"]


def test_what_does_not_fit_is_listed() -> None:
    state = state_of(2)
    del state["0.bias"]
    state["0.weight"] = torch.zeros(4, 3, 3, 3)
    assert refusal({"": {**state, "other": torch.ones(1)}}) == (
        "x.pth does not fit the network; missing: 0.bias; unexpected: other; "
        "of another shape: 0.weight [4, 3, 3, 3] instead of [4, 3, 1, 1]"
    )


def test_labels_of_another_number_than_the_classes_are_named_as_the_reason() -> None:
    assert refusal({"": state_of(2, outputs=3)}, outputs=5) == (
        "5 labels do not fit x.pth, which tells 3 classes apart; give --labels with one for each"
    )


@pytest.mark.parametrize("labels", [2, 1000])
def test_one_output_is_refused_with_what_to_do(labels: int) -> None:
    assert refusal({"": state_of(2, outputs=1)}, outputs=labels) == (
        f"x.pth is of a network with one output: {ONE_OUTPUT}"
    )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_floating_point_types_are_read(dtype: torch.dtype) -> None:
    # Some scripts convert the counters of batch norms, too.
    state = {name: tensor.to(dtype) for name, tensor in state_of(2).items()}
    assert filled({"": state}) == (Filled(".", True), 2)


DIVERGED = "not finite, as after a training that diverged: 0.bias"


@pytest.mark.parametrize(
    ("bias", "problem"),
    [
        (torch.ones(4, dtype=torch.int8), "of another type: 0.bias int8"),
        (torch.ones(4, dtype=torch.uint8), "of another type: 0.bias uint8"),
        (torch.ones(4, dtype=torch.complex64), "of another type: 0.bias complex64"),
        (torch.ones(4).to_sparse(), "of another type: 0.bias float32"),
        (torch.ones(4, device="meta"), "without values: 0.bias"),
        (torch.full((4,), torch.nan), DIVERGED),
        (torch.full((4,), torch.inf), DIVERGED),
    ],
)
def test_numbers_that_the_network_cannot_have_are_refused(bias: torch.Tensor, problem: str) -> None:
    state = {**state_of(2), "0.bias": bias}
    assert refusal({"": state}) == f"x.pth does not fit the network; {problem}"


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor:UserWarning")
def test_quantised_tensors_are_refused() -> None:
    quantised = torch.quantize_per_tensor(torch.ones(4), 0.1, 0, torch.qint8)
    message = refusal({"": {**state_of(2), "0.bias": quantised}})
    assert message == "x.pth does not fit the network; of another type: 0.bias qint8"


def test_a_network_that_was_never_trained_is_told_from_a_trained_one() -> None:
    network = new_network()
    fresh = {"": {name: tensor.clone() for name, tensor in network.state_dict().items()}}
    assert fill(new_network(), fresh, "x.pth", 2) == Filled(".", trained=False)
    halves = {"": {name: tensor.half() for name, tensor in fresh[""].items()}}
    assert fill(new_network(), halves, "x.pth", 2) == Filled(".", trained=False)
    network.train()(torch.randn(2, 3, 1, 1)).sum().backward()
    torch.optim.SGD(network.parameters(), lr=0.001).step()
    assert fill(new_network(), {"": network.state_dict()}, "x.pth", 2) == Filled(".", trained=True)


def test_a_network_that_has_no_constants_counts_as_trained() -> None:
    network = nn.Linear(2, 2)
    assert fill(nn.Linear(2, 2), {"": network.state_dict()}, "x.pth", 2) == Filled(".", True)
