"""The sections of a recipe and their fields. Rules between sections are in `checks`."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, field_serializer, model_validator

from sirev.addresses import Address
from sirev.fields import Count, Name, Rate, Section, Seed, Share, Warmup, Weight
from sirev.margins import DIVERSITY_MARGIN, MARGIN, NEW_MARGIN
from sirev.tasks.core.arithmetic import Level, Question
from sirev.tasks.registry import SUITES, TASKS
from sirev.tasks.task import Task
from sirev.training_kinds import KINDS, Kind, Method, TrainingKind, kinds_of

if TYPE_CHECKING:
    AnyTask = Task
    SuiteTask = Task
else:  # each task validates its own section
    AnyTask = Annotated[reduce(or_, TASKS.values()), Field(discriminator="name")]
    SuiteTask = Annotated[reduce(or_, SUITES.values()), Field(discriminator="name")]


class Architecture(Section):
    """Sizes of the embedded Llama."""

    hidden_size: Count = 128
    intermediate_size: Count = 320
    layers: Count = 2
    heads: Count = 4
    kv_heads: Count = 2
    head_dim: Count = 32
    initializer_range: Rate = 0.06
    rope_theta: Rate = 10000.0


class Pretrain(Section):
    """Pretraining of M0 from random weights: next-token prediction over the task's own corpus."""

    seed: Seed = 0
    sequences: Count
    levels: Annotated[list[Level], Field(min_length=1)]
    equations_share: Annotated[float, Field(ge=0, le=1)] = 0.2
    inverse_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of sequences whose problem asks for the start of a story; the training set has no such problems."""
    batch_size: Count = 16
    learning_rate: Rate = 3e-3
    warmup: Warmup = 0.05

    @model_validator(mode="after")
    def _no_more_than_all(self) -> Pretrain:
        if self.equations_share + self.inverse_share > 1:
            raise ValueError("equations_share and inverse_share are shares of the same sequences, so they add up to 1 at most")
        return self


class Model(Section):
    """The base model M0: a pretrained one from the Hub or a local folder (`name`), or one pretrained here (`pretrain`)."""

    name: str | None = None
    """ORGANISATION/NAME on the Hub, or the path of a folder with weights and tokenizer."""
    revision: str | None = None
    """A Hub commit. A branch or tag is looked up once, and the commit found then is used from then on."""
    chat_template: bool = False
    """Whether prompts are a user's turn of the tokenizer's chat template."""
    architecture: Architecture | None = None
    pretrain: Pretrain | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Model:
        if (self.name is None) == (self.pretrain is None):
            raise ValueError("name a pretrained model (name), or say how one is made (pretrain)")
        if self.name is not None and self.architecture is not None:
            raise ValueError("a pretrained model brings its architecture with it")
        if self.pretrain is not None and (self.revision is not None or self.chat_template):
            raise ValueError("revision and chat_template go with a pretrained model")
        return self


class Select(Section):
    """Selection of the answers in D_t. `unique: false, max_per_problem: null` is the paper's Algorithm 1."""

    unique: bool = False
    max_per_problem: Count | None = None
    """Answers (SFT) or pairs (DPO) kept per problem, at most, drawn with the run's seed; null keeps all."""


class Optimisation(Section):
    """One training by TRL: AdamW with a fresh state, warmup and a cosine schedule."""

    epochs: Count = 1
    batch_size: Count = 16
    learning_rate: Rate
    warmup: Warmup = 0.05


class SftStep(Optimisation):
    """A self-improvement step on the model's own correct answers."""

    select: Select = Select()


class DpoStep(Optimisation):
    """A self-improvement step on pairs of a correct and an incorrect answer; the reference is M_{t-1}."""

    beta: Rate = 0.1
    nll_weight: Weight = 0.0
    """Weight of the chosen answer's negative log-likelihood, added to the DPO loss (arXiv 2404.19733); 0 is plain DPO."""
    select: Select = Select()


class Lora(Section):
    """PEFT LoRA; read only with `parameters: lora`."""

    r: Count = 16
    alpha: Count = 32
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Dropout in SFT; TRL's DPO turns all dropout off."""
    target_modules: list[str] = Field(default=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"])


class Memory(Section):
    """Settings that fit a training into memory. None is part of a key: they change rounding, not what is learned."""

    micro_batch_size: Count | None = None
    """The most examples (DPO: pairs) that go through the model at once; gradients add up to the batch. Null: the whole batch."""
    micro_batch_tokens: Count | None = None
    """The most tokens at once, padding included; of a pair, the prompt counts with either answer. A longer example goes alone."""
    gradient_checkpointing: bool = False
    """Keep few activations and recompute the others: less memory, a third more time."""
    precompute_reference: bool = False
    """Compute DPO's reference log-probabilities before training, so that the reference need not stay in memory."""
    attention: Literal["eager", "sdpa", "flash_attention_2", "flash_attention_3"] | None = None
    """The implementation of attention; null leaves the choice to transformers, which takes `sdpa` if a model supports it."""
    liger: bool = False
    """Compute norms, rotary embeddings and SwiGLU with the package liger-kernel, on a GPU."""


class TextGrader(Section):
    """A grader that reads an answer in a text and compares it with the gold answer."""

    name: Literal["final_number", "gsm8k_strict", "gsm8k_flexible", "last_number", "math", "letter", "exact"]
    seconds: Rate = 10.0
    """CPU time that one answer may take."""


class ProgramGrader(Section):
    """A grader that runs the program in an answer against its tests, in a sandbox (docs/sandbox.md)."""

    name: Literal["mbpp"]
    seconds: Rate = 17.0
    """CPU time per program, in whole seconds: ten times that of the slowest of MBPP's own solutions (1.64 s)."""
    memory_mb: Count = 1024
    """Memory per program, in MiB, in addition to the interpreter's own."""
    sandbox: Literal["A", "B", "C"] = "B"
    """The least acceptable tier of confinement. C confines nothing: programs run with the user's own rights."""
    prelude: bool = True
    """Start each program with the usual imports, which models' answers take for granted."""


class OwnGrader(Section):
    """A grader that calls the user's own function: (completion, answer) -> True, False or a `sirev.Grade` (docs/tasks.md)."""

    name: Literal["python"]
    function: str
    """`package.module:function` or `file.py:function`."""
    seconds: Rate = 10.0
    """CPU time that one answer may take."""


# Judges of whether an answer is right.
Grader = Annotated[TextGrader | ProgramGrader | OwnGrader, Field(discriminator="name")]


class Training(Section):
    """Training of M_1 and of M_2..M_T."""

    parameters: Literal["full", "lora"] = "full"
    lora: Lora | None = None
    optimizer: Literal["adamw_torch_fused", "paged_adamw_8bit", "adafactor"] = "adamw_torch_fused"
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """The dtype of weights in training; `auto` is that of the saved base model."""
    max_prompt_tokens: Count | None = None
    max_completion_tokens: Count | None = None
    """Longer examples are left out and counted, never cut."""
    initial: Optimisation
    sft: SftStep | None = None
    dpo: DpoStep | None = None
    grader: Grader
    on_degenerate: Literal["stop", "continue"] = "stop"
    """If D_t is empty or holds nothing new: end the run at M_{t-1}, or continue (with an empty D_t, M_t = M_{t-1})."""
    memory: Memory = Memory()
    checkpoint_minutes: Annotated[float, Field(ge=0)] | None = 10.0
    """Minutes between two checkpoints of a training; 0 saves after every step, null never. Not part of a key."""

    def of(self, kind: TrainingKind) -> Any:
        """The settings of a kind of self-improvement step; None if the recipe has none."""
        return getattr(self, kind.name)

    def given(self) -> dict[str, Optimisation]:
        """Key -> settings, for every training in the recipe."""
        steps: dict[str, Optimisation | None] = {kind.name: self.of(kind) for kind in KINDS.values()}
        return {"initial": self.initial} | {name: step for name, step in steps.items() if step is not None}


class Decoding(Section):
    """Sampling of answers: draws at temperature > 0, greedy at 0."""

    n: Count
    temperature: Annotated[float, Field(ge=0)] = 0.75
    top_p: Share = 0.95
    max_new_tokens: Count


class Sampling(Decoding):
    """The draws from which D_t is selected."""

    problems: Count | None = None
    """Number of training problems that are asked, the first ones; null asks all."""


class AskedSuite(Section):
    """Sampling on an out-of-distribution suite, which is always asked greedily too."""

    draws: Count | None = None
    """Number of draws per problem, otherwise with the settings of `evaluation.draws`; null draws none."""
    draws_at: Literal["ends", "every"] = "ends"
    """The models that draws come from: M_1 and M_T, or every M_t."""


class LevelsSuite(AskedSuite):
    """An out-of-distribution suite of the embedded task: other levels than those of training, or the other question."""

    levels: Annotated[list[Level], Field(min_length=1)]
    problems: Count
    question: Question = "forward"
    """`inverse`: the problem gives the end of a story and asks for its start."""


class TaskSuite(AskedSuite):
    """An out-of-distribution suite from another task's test split, in the prompt template of the trained task."""

    task: SuiteTask
    template: Name | None = None
    """The prompt template, one of `sirev.tasks.registry`; null takes that of the recipe's own task."""
    grader: Grader
    max_new_tokens: Count | None = None


def _kind_of_suite(value: Any) -> str:
    named = "task" in value if isinstance(value, dict) else isinstance(value, TaskSuite)
    return "task suite" if named else "levels suite"


Suite = Annotated[
    Annotated[LevelsSuite, Tag("levels suite")] | Annotated[TaskSuite, Tag("task suite")], Discriminator(_kind_of_suite)
]


class Embedding(Section):
    """The model that embeds answers to measure their diversity: SentenceBERT (arXiv 1908.10084) or another of its kind."""

    model: str
    """A sentence-transformers model: ORGANISATION/NAME on the Hub, or the path of its folder."""
    revision: str | None = None
    """A Hub commit. A branch or tag is looked up once, and the commit found then is used from then on."""
    batch_size: Count = 64
    """Answers per batch. Not part of a key."""


class Verdict(Section):
    """Margins of the report's verdict. After a change, only the comparison is recomputed."""

    margin: Share = MARGIN
    """Shares (pass@1, pass@N, OOD accuracy) count as held if a loss of this is excluded; less for pass@N near its ceiling."""
    diversity_margin: Share = DIVERSITY_MARGIN
    """The same for diversity, as a share of M_1's."""
    new_margin: Share = NEW_MARGIN
    """M_T's gains were within M_1's reach if M_1's pass@N on them is shown to be no further than this below luck's."""
    diversity_counts: bool = True
    """Whether a loss of diversity alone makes a reversal or a regress, as in the paper; false is the stricter reading."""


class Evaluation(Section):
    """Evaluation of every M_t."""

    split: Literal["test", "dev"] = "test"
    """`dev` (with `task.dev`) is for choosing t and settings without the test set."""
    draws: Decoding
    temperatures: list[Rate] = Field(default=[])
    """A sweep of temperatures, at which M_1 and M_T are also sampled, with the number and length of `draws`."""
    ood: dict[Name, Suite] = Field(default={})
    grader: Grader
    embedding: Embedding | None = None
    """Null measures no diversity of embeddings. None is measured if answers are single letters, either."""
    overlap_n: Count = 8
    """Words per n-gram in the search for evaluation problems in the training set: 8 as in arXiv 2204.02311, 13 in
    arXiv 2005.14165. The embedded task's problems are compared as wholes. It changes nothing that a model is asked."""
    k: list[Count] = Field(default=[])
    """Further k of pass@k, in addition to the powers of two up to `draws.n`. Only the comparison changes."""
    score: bool = True
    """Whether answers of M_T and M_1 are scored by their likelihood under M_1 (docs/report.md). A server gives no scores."""
    verdict: Verdict = Verdict()


class Engine(Section):
    """The sampling engine. Only `name`, `dtype` and `batch_invariant` are part of a key."""

    name: Literal["transformers", "vllm", "server"] = "transformers"
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    context: Count | None = None
    """The longest prompt and answer together, in tokens; null is the model's own limit. Less needs less memory."""
    gpu_memory: Share = 0.9
    """Share of the GPU's memory for vLLM."""
    batch_size: Count | None = None
    """Answers that `transformers` samples at a time; null is a whole shard, 2,048 at most, too many for a large model."""
    eager: bool = False
    """Run vLLM without CUDA graphs and compilation: slower, but it starts at once."""
    attention: Literal["FLASH_ATTN", "FLASHINFER", "TRITON_ATTN", "FLEX_ATTENTION"] | None = None
    """vLLM's attention backend on a GPU; null leaves the choice to vLLM. FLASHINFER compiles its kernels by nvcc."""
    batch_invariant: bool = False
    """Make vLLM's answers independent of the rest of the batch, so that greedy answers are reproducible: slower, on a GPU of
    compute capability 8.0 or newer."""
    url: str | None = None
    """The server's address, up to and including /v1; only for `name: server`. A user and password in it are never recorded."""
    concurrency: Count = 64
    """Requests to the server at a time."""
    patience_minutes: Rate = 10.0
    """Minutes of retries if a server does not answer."""

    @field_serializer("url", when_used="json")
    def _recorded(self, url: str | None) -> str | None:
        return url and Address.of(url).url


class Recipe(Section):
    """A validated recipe. `name` is the file's name without its ending."""

    name: Name
    description: str = ""
    gpu: Literal["required", "optional"] = "optional"
    """`required` refuses to compute anything without a GPU, before anything is downloaded."""
    task: AnyTask
    model: Model
    methods: Annotated[list[Method], Field(min_length=1)]
    T: Annotated[int, Field(ge=2)]
    """The last model is M_T: T - 1 steps of self-improvement."""
    init_from: Literal["previous", "base"] = "previous"
    """The model that the training of M_t starts from: M_{t-1} (the paper's Algorithm 1) or M_0."""
    schedule: Annotated[list[Kind], Field(min_length=1)] | None = None
    """The steps that `sft-dpo` takes in turn; the paper's order is [dpo, sft]."""
    sampling: Sampling
    training: Training
    evaluation: Evaluation
    engine: Engine = Engine()
    env: Literal["any", "strict"] = "any"
    """`strict` makes the versions of Python and of the packages that compute part of every key."""

    def schedule_of(self, method: Method) -> list[TrainingKind]:
        """F_2 .. F_T of a method."""
        return [KINDS[kind] for kind in kinds_of(method, self.T, self.schedule)]

    def kinds(self) -> list[TrainingKind]:
        """The kinds of training that the methods take, each once."""
        return list(dict.fromkeys(kind for method in self.methods for kind in self.schedule_of(method)))

    def settings(self) -> dict[str, Any]:
        """Every value of the recipe as plain JSON, including defaults."""
        return self.model_dump(mode="json", by_alias=True)
