"""Makes the files in ``samples``, each with the tool that people use, and with a dummy model.

The files are kept so that the tests need none of the tools. To make them again, in an environment of their own:

    pip install lm_eval inspect_ai datasets openpyxl openai
    python tests/envs/importing/make_samples.py

`vllm run-batch` writes the lines of OpenAI's batch endpoint. As vLLM needs a GPU, its file is written here after the
class `BatchRequestOutput` of its documentation, with the keys that only vLLM adds.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

SAMPLES = Path(__file__).parent / "samples"
QUESTIONS = [
    ("Ann has 9 eggs and eats 5. How many are left?", "4", ["4", "4", "5", "4"]),
    ("Bob walks 600 steps twice. How many steps?", "1,200", ["1,200", "1,200", None, "600"]),
    ("What is 3 - 10?", "-7", ["-7", "7", "-7", "-7"]),
    ("What is half of 7?", "3.5", ["3.5", "3.5", "3", "4"]),
    ("What is 2 + 2 * 2?", "6", ["8", "6", "8", "8"]),
]
"""Questions with the gold answer and the answers of four branches: 11 of 20 are right, 1 is absent."""


def tokens(question: int, branch: int) -> int:
    """Return the tokens of a branch."""
    return 20 + 7 * question + 3 * branch


def reply(question: int, branch: int, mark: str = "#### {}") -> str:
    """Return the text of a branch, with its answer behind ``mark``."""
    answer = QUESTIONS[question][2][branch]
    return "I do not know." if answer is None else f"Let me think step by step.\n{mark.format(answer)}"


def harness() -> None:
    """Run lm-evaluation-harness: two runs of a task like GSM8K with two filters, and one with four repeats."""
    import lm_eval
    from lm_eval.api.model import LM
    from lm_eval.api.task import ConfigurableTask
    from lm_eval.loggers import EvaluationTracker

    class Dummy(LM):  # type: ignore[misc]
        def __init__(self, first: int) -> None:
            super().__init__()
            self.next = [first] * len(QUESTIONS)

        def generate_until(self, requests: Any, disable_tqdm: bool = False) -> list[str]:
            texts = []
            for request in requests:
                question = next(i for i, one in enumerate(QUESTIONS) if one[0] in request.args[0])
                # the last branch leaves out the mark, which only the second filter forgives
                mark = "It is {}." if self.next[question] == 3 else "#### {}"
                texts.append(reply(question, self.next[question], mark))
                self.next[question] += 1
            return texts

        def loglikelihood(self, requests: Any, disable_tqdm: bool = False) -> Any:
            raise NotImplementedError

        loglikelihood_rolling = loglikelihood

    rows = [{"question": text, "answer": f"We compute.\n#### {gold}"} for text, gold, _ in QUESTIONS]
    Path("test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    strict = {"function": "regex", "regex_pattern": "#### (\\-?[0-9\\.\\,]+)"}
    loose = {"function": "regex", "group_select": -1, "regex_pattern": "(-?[$0-9.,]{2,})|(-?[0-9]+)"}
    first, vote = {"function": "take_first"}, {"function": "majority_vote"}
    two = [{"name": "strict-match", "filter": [strict, first]}, {"name": "flexible-extract", "filter": [loose, first]}]
    maj = [{"name": "score-first", "filter": [strict, first]}, {"name": "maj@4", "filter": [strict, vote, first]}]
    for home, start, repeats, filters in (("run1", 0, 1, two), ("run2", 3, 1, two), ("repeats", 0, 4, maj)):
        task = ConfigurableTask(
            config={
                "task": "toy_gsm8k",
                "dataset_path": "json",
                "dataset_kwargs": {"data_files": {"test": "test.jsonl"}},
                "test_split": "test",
                "output_type": "generate_until",
                "doc_to_text": "Question: {{question}}\nAnswer:",
                "doc_to_target": "{{answer}}",
                "repeats": repeats,
                "num_fewshot": 0,
                "metric_list": [
                    {
                        "metric": "exact_match",
                        "aggregation": "mean",
                        "higher_is_better": True,
                        "ignore_case": True,
                        "ignore_punctuation": False,
                        "regexes_to_ignore": [",", "\\$", "(?s).*#### ", "\\.$"],
                    }
                ],
                "generation_kwargs": {"until": ["Question:"], "do_sample": True, "temperature": 0.6},
                "filter_list": filters,
            }
        )
        results = lm_eval.simple_evaluate(Dummy(start), tasks=[task], log_samples=True, bootstrap_iters=0)
        samples = results.pop("samples")
        tracker = EvaluationTracker(output_path=home)
        tracker.save_results_aggregated(results=results, samples=samples)
        for name, lines in samples.items():
            tracker.save_results_samples(task_name=name, samples=lines)
        target = SAMPLES / "lm-eval" / home
        target.mkdir(parents=True)
        for file in Path(home).rglob("samples_*.jsonl"):
            date = file.stem.removeprefix("samples_toy_gsm8k_")
            (found,) = Path(home).rglob(f"results_{date}.json")
            shutil.copy(file, target)
            document = json.loads(found.read_text())  # the rest of it describes the machine
            kept = {key: document[key] for key in ("results", "configs", "versions")}
            (target / found.name).write_text(json.dumps(kept, indent=1) + "\n")


def inspect() -> None:
    """Run Inspect with its mock model, four epochs, and several scorers."""
    from inspect_ai import Task, eval
    from inspect_ai.dataset import Sample
    from inspect_ai.model import ModelOutput, ModelUsage, get_model
    from inspect_ai.scorer import choice, includes, match
    from inspect_ai.solver import generate, multiple_choice

    def output(text: str, count: int) -> ModelOutput:
        made = ModelOutput.from_content("mockllm/model", text)
        made.usage = ModelUsage(input_tokens=9, output_tokens=count, total_tokens=9 + count)
        return made

    def run(name: str, samples: list[Sample], outputs: list[ModelOutput], solver: Any, scorer: Any) -> None:
        model = get_model("mockllm/model", custom_outputs=outputs)
        eval(
            Task(dataset=samples, solver=solver, scorer=scorer, name=name),
            model=model, epochs=4, log_dir=name, display="none", max_samples=1, log_realtime=False,
        )  # fmt: skip
        (log,) = Path(name).glob("*.eval")
        (SAMPLES / "inspect").mkdir(exist_ok=True)
        shutil.copy(log, SAMPLES / "inspect" / f"{name}.eval")

    samples = [Sample(id=f"q{i}", input=text, target=gold) for i, (text, gold, _) in enumerate(QUESTIONS)]
    outputs = [
        output(reply(q, b, "So it is {}."), tokens(q, b)) for b in range(4) for q in range(len(QUESTIONS))
    ]  # epoch by epoch
    run("match", samples, outputs, generate(), match(numeric=True))
    run("includes", samples, outputs, generate(), includes())
    run("two", samples, outputs, generate(), [match(numeric=True), includes()])
    sky = [Sample(id=1, input="The sky is ...", choices=["red", "blue", "green"], target="B")]
    letters = [output(f"ANSWER: {letter}", 10 + i) for i, letter in enumerate("BABB")]
    run("choice", sky, letters, multiple_choice(), choice())


def datasets() -> None:
    """Write a data set in the form of OpenR1: one row a question, with lists of generations."""
    from datasets import Dataset, DatasetDict

    rows = [
        {
            "problem": text,
            "answer": "\\frac{7}{2}" if gold == "3.5" else gold.replace(",", ""),
            "generations": [
                reply(q, b, "\\boxed{{{}}}").replace("{3.5}", "{\\frac{7}{2}}").replace(",", "") for b in range(4)
            ],
            "lengths": [tokens(q, b) for b in range(4)],
        }
        for q, (text, gold, _) in enumerate(QUESTIONS)
    ]
    table, home = Dataset.from_list(rows), SAMPLES / "datasets"
    DatasetDict({"train": table, "test": table.select([0])}).save_to_disk(str(home / "saved"))
    table.to_parquet(str(home / "rows.parquet"))
    table.to_json(str(home / "rows.jsonl"))
    table.to_json(str(home / "list.json"), lines=False)
    table.to_csv(str(home / "rows.csv"))
    for info in home.rglob("dataset_info.json"):
        info.write_text("{}\n")  # it names folders of this machine


def batches() -> None:
    """Write the output of OpenAI's batch endpoint through the classes of its client, and that of vLLM by hand."""
    from openai.types.chat import ChatCompletion

    home = SAMPLES / "batches"
    home.mkdir()

    def choices(q: int, some: range) -> list[dict[str, Any]]:
        return [
            {
                "index": i,
                "finish_reason": "stop",
                "logprobs": None,
                "message": {"role": "assistant", "content": reply(q, b, "So it is {}."), "refusal": None},
            }
            for i, b in enumerate(some)
        ]

    def usage(q: int, some: range) -> dict[str, int]:
        count = sum(tokens(q, b) for b in some)
        return {"prompt_tokens": 9, "completion_tokens": count, "total_tokens": 9 + count}

    def body(q: int, some: range) -> dict[str, Any]:
        fields = {"id": f"chatcmpl-{q}{some[0]}", "object": "chat.completion", "created": 1700000000, "model": "dummy"}
        return fields | {"choices": choices(q, some), "usage": usage(q, some)}

    def response(name: str, q: int, some: range) -> dict[str, Any]:
        made = ChatCompletion.model_validate(body(q, some)).model_dump(mode="json", exclude_none=True)
        answer = {"status_code": 200, "request_id": f"req_{name}", "body": made}
        return {"id": f"batch_req_{name}", "custom_id": name, "response": answer, "error": None}

    def request(name: str, q: int, n: int) -> dict[str, Any]:
        messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": QUESTIONS[q][0]}]
        sent = {"model": "dummy", "messages": messages, "n": n}
        return {"custom_id": name, "method": "POST", "url": "/v1/chat/completions", "body": sent}

    each = [(f"q{q}-s{b}", q, range(b, b + 1)) for q in range(len(QUESTIONS)) for b in range(4)]
    pairs = [(f"q{q}-p{p}", q, range(2 * p, 2 * p + 2)) for q in range(len(QUESTIONS)) for p in range(2)]
    failed = {
        "id": "batch_req_f", "custom_id": "q0-s0", "response": None,
        "error": {"code": "batch_expired", "message": "This request could not be executed in time."},
    }  # fmt: skip
    _lines(home / "openai.jsonl", [response(*one) for one in each])
    _lines(home / "openai-n2.jsonl", [response(*one) for one in pairs])
    _lines(home / "openai-failed.jsonl", [failed, *(response(*one) for one in each[1:])])
    _lines(home / "requests.jsonl", [request(name, q, len(some)) for name, q, some in (*each, *pairs)])

    def served(q: int) -> dict[str, Any]:
        made = body(q, range(4))
        for choice in made["choices"]:
            thoughts, _, said = choice["message"]["content"].rpartition("\n")
            choice["message"] |= {"content": said, "reasoning_content": thoughts or None, "tool_calls": []}
            choice |= {"stop_reason": None, "token_ids": [1] * tokens(q, choice["index"])}
        answer = {"status_code": 200, "request_id": f"vllm-batch-{q}", "body": made | {"prompt_logprobs": None}}
        return {"id": f"vllm-{q}", "custom_id": f"q{q}", "response": answer, "error": None}

    _lines(home / "vllm.jsonl", [served(q) for q in range(len(QUESTIONS))])
    _table(home / "gold.csv", [["id", "answer"], *([f"q{q}", one[1]] for q, one in enumerate(QUESTIONS))])
    _lines(home / "gold.jsonl", [{"question": text, "gold_answer": gold} for text, gold, _ in QUESTIONS])


def spreadsheets() -> None:
    """Write tables with one row a sample and with one column a sample, as CSV and as workbooks."""
    from openpyxl import Workbook

    home = SAMPLES / "spreadsheets"
    home.mkdir()
    long: list[list[Any]] = [["Question", "Gold answer", "Final answer", "Total tokens"]]
    names = [f"{name} {b + 1}" for name in ("Answer", "Tokens") for b in range(4)]
    wide: list[list[Any]] = [["Problem", "Solution", *names]]
    for q, (text, gold, answers) in enumerate(QUESTIONS):
        long += [[text, gold, answer, tokens(q, b)] for b, answer in enumerate(answers)]
        wide.append([text, gold, *answers, *(tokens(q, b) for b in range(4))])
    _table(home / "rows.csv", long)
    _table(home / "columns.csv", wide)
    _table(home / "semicolons.csv", long, ";", "utf-8-sig")
    book = Workbook()
    for title, rows in (("rows", long), ("columns", wide)):
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    book.remove(book["Sheet"])
    book.save(home / "two-sheets.xlsx")
    odd = Workbook()
    for row in [
        long[0],
        ["What is 1 / 2?", "1/2", datetime(2026, 1, 2), 10],
        ["How much is half?", 0.5, 0.5, "1,234"],
        ["What is 2 + 3?", 5, "=2+3", 12],
        ["What is 1 / 0?", "none", "#DIV/0!", 13],
        ["Is 2 even?", True, True, 14],
    ]:
        odd.active.append(row)
    for cell in odd.active[3][1:3]:
        cell.number_format = "0%"
    odd.save(home / "odd-cells.xlsx")


def _lines(path: Path, lines: list[Any]) -> None:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def _table(path: Path, rows: list[list[Any]], delimiter: str = ",", encoding: str = "utf-8") -> None:
    with path.open("w", newline="", encoding=encoding) as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)


if __name__ == "__main__":
    os.environ["HF_HUB_OFFLINE"] = "1"
    shutil.rmtree(SAMPLES, ignore_errors=True)
    SAMPLES.mkdir()
    with tempfile.TemporaryDirectory() as home:
        os.chdir(home)
        for make in (harness, inspect, datasets, batches, spreadsheets):
            make()
