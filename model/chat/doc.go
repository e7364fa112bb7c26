// Package chat renders conversations with a model's own chat template, a Jinja
// template from tokenizer_config.json, chat_template.jinja or GGUF metadata,
// with the settings of transformers' apply_chat_template, and says which bytes
// and tokens of the result came from which role.
//
// # How templates run
//
// Templates are written for Python, so a template that Python would not render
// is an error here too, with the line and the reason, and whatever is not
// implemented (call, with, include, recursive loops, a few filters) is refused
// by name. The template library walks statements, keeps names and scopes, and
// evaluates and, or, not and if; every other operation, method, filter and test
// is compiled to a call of this package, which has Python's semantics: types
// that do not fit raise, views and generators are not lists, repr and json.dumps
// are theirs. One rendering has a bounded number of steps, bytes and nested
// macros. As in transformers, members of a message that are null are absent,
// reasoning is there under each of the names that templates read, and tools and
// documents are none unless given.
//
// # Roles
//
// Every string that a message brings (its content or the parts of it, reasoning,
// tool calls) remembers where it came from while the template splits, trims,
// replaces, joins, escapes or drops it. A span is what stands of it in the
// rendered text. All else has RoleTemplate: headers, line breaks, the end-of-turn
// token of every role, a system prompt that the template supplies of its own
// accord, descriptions of tools, and the generation prompt. A list or dictionary
// of a tool call that is printed as JSON is the message's as a whole; a number
// that is printed alone is the template's. What replaces a part of a content
// belongs to the content.
//
// A token has the role of the content it shares bytes with, of the first when
// there are several, and RoleTemplate when there is none. Where training on
// responses is to include the token that ends a turn, that is the RoleTemplate
// token right behind an assistant span. Templates with {% generation %} blocks
// say themselves what the assistant generated: Rendered.Generated, which is
// transformers' assistant mask.
//
// # Dates
//
// A template that calls strftime_now would render another text every day, so
// that is an error until WithDate gives a date.
package chat
