"""What transformers' apply_chat_template makes of many conversations with the chat templates that packages ship.

    dump_chat.py OUT.jsonl SOURCE…

A source is a directory (its *.jinja), a .jsonl of objects with one key (the name) or {"name", "template"}, or a wheel or
source archive with *.jinja files or assignments NAME_template = "…" in Python. Templates that occur twice are taken once.

A line of OUT is a template: {name, template, vars, cases}; a case is {messages, generate, kwargs} and either {text, spans,
generated} or {error}. The clock of strftime_now says 2024-07-26. `spans` is [start, end, message] in bytes: where the
content of a message stands, for contents that are found once; `generated` is what {% generation %} blocks enclose.
"""
import ast, datetime, glob, io, json, os, re, sys, tarfile, zipfile
os.environ.update(HF_HUB_OFFLINE="1", CUDA_VISIBLE_DEVICES="")
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast
from transformers.utils import chat_template_utils as utils

VARS = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}


class Clock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2024, 7, 26, 9, 5, 3)


utils.datetime = Clock


def user(s, **k):
    return {"role": "user", "content": s, **k}


def assistant(s, **k):
    return {"role": "assistant", "content": s, **k}


def system(s):
    return {"role": "system", "content": s}


def tool(s, **k):
    return {"role": "tool", "content": s, **k}


def call(name, arguments, **k):
    return {"type": "function", "function": {"name": name, "arguments": arguments}, **k}


def described(name, **properties):
    return {"type": "function", "function": {"name": name, "description": f"It's <the> \"{name}\" & more\n\u2028.", "parameters": {
        "type": "object", "properties": properties, "required": list(properties)[:1]}}}


TOOLS = [described("get_weather", town={"type": "string", "description": "where"}, unit={"type": "string", "enum": ["C", "F"], "default": "C"}),
         described("search", query={"type": "string"}, limits={"type": "array", "items": {"type": ["integer", "null"]}},
                   options={"type": "object", "properties": {"deep": {"type": "boolean"}}})]
ARGS = {"town": "Köln", "days": 2, "x": None, "far": 1.5e-7, "big": 1e22, "<b>": [True, {}, [], {"k": None}], "quote": "it's \"so\"\n"}
THINK = "<think>\nFirst I add.\n</think>\n\nIt is four."
text = lambda s: {"type": "text", "text": s}
CONVERSATIONS = [
    ([user("What is two plus two?")], {}),
    ([system("Be brief."), user("What is two plus two?")], {}),
    ([user("First question"), assistant("An answer."), user("Second question")], {}),
    ([system("You know the sea."), user("First question"), assistant("An answer."), user("Second question"), assistant("Another answer.")], {}),
    ([system("  Padded system \n"), user("\n\n padded user\t "), assistant("\t padded answer\t "), user("\u00a0again\u2003")], {}),
    ([user("日本語 😀 ünï \u0085"), assistant("e\u0301 <|im_end|> </s> {{ not jinja }} \\n"), user("\x1ffin\x00")], {}),
    ([user("has \"quotes\", 'single' and \\ and\nlines\r\n"), assistant("fine & <ok>")], {}),
    ([user("")], {}),
    ([system(""), user("Not empty"), assistant("")], {}),
    ([user("   ")], {}),
    ([user("One thing"), user("Another thing")], {}),
    ([user("One thing"), assistant("Reply one."), assistant("Reply two."), user("Go on")], {}),
    ([assistant("I begin."), user("Do you?")], {}),
    ([user("Early"), system("A late order."), user("Late")], {}),
    ([system("Order one."), system("Order two."), user("Well?")], {}),
    ([{"role": "developer", "content": "Develop."}, user("Well?")], {}),
    ([user("Well?"), {"role": "wizard", "content": "Abracadabra."}], {}),
    ([user([text("Part one."), text("Part two.")])], {}),
    ([system([text("A system in parts.")]), user([text("Look at this: "), {"type": "image", "url": "x.png"}, text(" please")]), assistant([text("I looked.")])], {}),
    ([user([])], {}),
    ([user("Sum?"), assistant(THINK), user("Sure?"), assistant("<think>\n\n</think>\n\nYes.")], {}),
    ([user("Sum?"), assistant(THINK)], {}),
    ([user("Sum?"), assistant("It is four.", reasoning_content="I count."), user("Sure?"), assistant("Yes.", reasoning_content="\nIt is so.\n")], {}),
    ([user("Sum?"), assistant("It is four.", thinking="I count."), user("Sure?")], {}),
    ([user("Sum?")], {"enable_thinking": False}),
    ([system("Be brief."), user("Sum?"), assistant("It is four."), user("Sure?")], {"enable_thinking": True}),
    ([user("Which tools?")], {"tools": TOOLS}),
    ([system("Use tools."), user("Which tools?"), assistant("Two.")], {"tools": TOOLS[:1]}),
    ([user("Weather?"), assistant("", tool_calls=[call("get_weather", {"town": "Bonn"})]), tool("{\"t\": 3}"), assistant("It is 3.")], {"tools": TOOLS}),
    ([user("Weather?"), assistant(None, tool_calls=[call("get_weather", {"town": "Bonn"}, id="abcdefghi")]), tool("rain", name="get_weather", tool_call_id="abcdefghi"), user("Thanks")], {"tools": TOOLS}),
    ([user("Weather?"), assistant("I call.", tool_calls=[call("get_weather", ARGS, id="abcdefghi")]), tool("plain é result", name="get_weather", tool_call_id="abcdefghi")], {"tools": TOOLS}),
    ([user("Both?"), assistant("", tool_calls=[call("get_weather", {"town": "Bonn", "none": None}, id="call_0001"), call("search", {"query": "x", "limits": [1, None]}, id="call_0002")]),
      tool("one", tool_call_id="call_0001"), tool("two", tool_call_id="call_0002"), assistant("Both done."), user("Good")], {"tools": TOOLS}),
    ([user("Weather?"), assistant("", tool_calls=[call("get_weather", "{\"town\": \"Bonn\"}", id="abcdefghi")]), tool("rain", tool_call_id="abcdefghi")], {"tools": TOOLS}),
    ([user("Weather?"), assistant("", tool_calls=[{"name": "get_weather", "arguments": {"town": "Bonn"}, "id": "abcdefghi"}]), tool([text("rain "), text("and wind")])], {}),
    ([user("Weather?"), assistant("", tool_calls=[call("now", {}, id="abcdefghi")]), {"role": "ipython", "content": {"t": [1, None, True]}}, user("?")], {"tools": TOOLS}),
    ([user("Weather?"), assistant("I call.", tool_calls=[]), user("And?")], {"tools": []}),
    ([user("By name", name="bob"), assistant("Hello Bob.", name="bot", weight=0)], {"documents": [{"title": "T", "text": "A document."}]}),
    ([user("Be a pirate"), assistant("Arr.")], {"date_string": "1 Jan 2001", "custom": 1}),
]


def tokenizer(template):
    tok = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel({"<unk>": 0}, "<unk>")), **VARS)
    tok.chat_template = template
    return tok


def spans(rendered, messages):
    """Where contents stand, without white space at their ends and thoughts; those that are found more than once are left out."""
    out = []
    for k, m in enumerate(messages):
        c = m.get("content")
        parts = [c] if isinstance(c, str) else [p["text"] for p in c if "text" in p] if isinstance(c, list) else []
        for p in parts:
            p = p.split("</think>")[-1].strip()
            found = list(re.finditer(r"(?<!\w)" + re.escape(p) + r"(?!\w)", rendered)) if len(p) > 3 else []
            if len(found) == 1:
                at = len(rendered[: found[0].start()].encode())
                out.append([at, at + len(p.encode()), k])
    return sorted(out)


def case(tok, template, messages, generate, kwargs):
    c = {"messages": messages, "generate": generate, "kwargs": kwargs}
    try:
        c["text"] = tok.apply_chat_template(messages, tokenize=False, add_generation_prompt=generate, **kwargs)
        c["spans"] = spans(c["text"], messages)
        if re.search(r"\{%-?\s*generation", template):
            ms = [{k: v for k, v in m.items() if v is not None} for m in messages]
            _, (marks,) = utils.render_jinja_template([ms], chat_template=template, return_assistant_tokens_mask=True, add_generation_prompt=generate,
                                                     **{"tools": None, **tok.special_tokens_map, **kwargs})
            c["generated"] = [[len(c["text"][:i].encode()) for i in m] for m in marks]
    except Exception as e:
        c["error"] = f"{type(e).__name__}: {e}"
        c.pop("text", None)
    return c


def python_templates(source):
    """NAME_template = "…" of a module, where the value is made of strings alone."""
    known = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            try:
                v = eval(compile(ast.Expression(node.value), "-", "eval"), {"__builtins__": {}}, dict(known))
            except Exception:
                continue
            if isinstance(v, str):
                known[node.targets[0].id] = v
    for name, v in known.items():
        if name.endswith("_template") and "{%" in v:
            yield name.removesuffix("_template").strip("_"), v


def templates(source):
    base = os.path.basename(source)
    if os.path.isdir(source):
        for path in sorted(glob.glob(os.path.join(source, "*.jinja"))):
            yield os.path.basename(path).removesuffix(".jinja"), open(path, encoding="utf-8").read()
    elif source.endswith(".jsonl"):
        for i, line in enumerate(open(source, encoding="utf-8")):
            for name, template in json.loads(line).items():
                yield f"{name}-{i}", template
    elif source.endswith(".whl"):
        with zipfile.ZipFile(source) as z:
            for n in z.namelist():
                if n.endswith("chat_templates.py"):
                    yield from python_templates(z.read(n).decode())
    elif source.endswith(".tar.gz"):
        with tarfile.open(source) as t:
            for m in t:
                if m.name.endswith(".jinja"):
                    yield os.path.basename(m.name).removesuffix(".jinja"), t.extractfile(m).read().decode()
    elif source.endswith(".tgz"):
        with tarfile.open(source) as t:
            for m in t:
                if m.name.endswith("tokenizer_config.json"):
                    v = json.load(t.extractfile(m)).get("chat_template")
                    if isinstance(v, str):
                        yield base.removesuffix(".tgz"), v
    else:
        sys.exit(f"{source}: unknown kind of source")


def main(out, *sources):
    seen = {}
    with open(out, "w", encoding="utf-8") as f:
        for source in sources:
            for name, template in templates(source):
                if template in seen:
                    continue
                seen[template] = name
                tok = tokenizer(template)
                cases = [case(tok, template, m, g, kw) for m, kw in CONVERSATIONS for g in (True, False)]
                f.write(json.dumps({"name": name, "template": template, "vars": tok.special_tokens_map, "cases": cases}, ensure_ascii=False) + "\n")
                print(f"{name}: {sum('text' in c for c in cases)} texts, {sum('error' in c for c in cases)} errors", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
