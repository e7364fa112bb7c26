// Package chat renders conversations with a model's own chat template, a Jinja
// template from tokenizer_config.json, chat_template.jinja or GGUF metadata,
// with the settings of transformers' apply_chat_template, and says which bytes
// and tokens of the result came from which role.
//
// # Roles
//
// A span is the content of one message as it stands in the rendered text. All
// that the template adds has RoleTemplate: headers, line breaks, the
// end-of-turn token of every role, a system prompt that the template supplies
// of its own accord, and the generation prompt. White space that the template
// trims off a content is in no span.
//
// A token has the role of the content it shares bytes with, of the first when
// there are several, and RoleTemplate when there is none. Where training on
// responses is to include the token that ends a turn, that is the RoleTemplate
// token right behind an assistant span.
//
// # How spans are found
//
// The template is rendered again with private-use characters around contents.
// Where taking them out again gives the same text, they show the place, also
// when contents repeat, are trimmed or come out escaped. A content that the
// template changes so that no marking leaves the text alone is an error, never
// a guess.
//
// # Dates
//
// A template that calls strftime_now would render another text every day, so
// that is an error until WithDate gives a date.
package chat
