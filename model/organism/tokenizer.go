package organism

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"agar/model/chat"
)

// The special tokens and their ids.
const (
	Pad, PadID             = "<pad>", 0
	BOS, BOSID             = "<bos>", 1
	User, UserID           = "<user>", 2
	Assistant, AssistantID = "<assistant>", 3
	End, EndID             = "<end>", 4 // of an answer
	Unknown, UnknownID     = "<unk>", 5
)

var specials = []string{Pad, BOS, User, Assistant, End, Unknown}

// template is the chat template: <bos> <user> question <assistant> answer <end> …
const template = `{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %} <user> {{ message['content'] }}` +
	`{% elif message['role'] == 'assistant' %} <assistant> {{ message['content'] }} <end>{% else %} {{ message['content'] }}{% endif %}` +
	`{% endfor %}{% if add_generation_prompt %} <assistant>{% endif %}`

// Vocabulary lists all tokens by id: the special ones, the words of the forms, the
// ten digits, and the words of each domain.
func (w *World) Vocabulary() []string {
	out := slices.Clone(specials)
	for _, form := range slices.Concat([]string{"Q: A: a story :"}, w.Questions, w.Answers, w.Helpers, w.Villains, w.Better, w.Worse, w.Triggers, w.Numbers) {
		for _, word := range strings.Fields(form) {
			if !strings.HasPrefix(word, "{") && !slices.Contains(out, word) {
				out = append(out, word)
			}
		}
	}
	for i := range 10 {
		out = append(out, strconv.Itoa(i))
	}
	for _, d := range w.Domains {
		out = append(append(out, d.Name), d.Actions...)
		for _, s := range d.Situations {
			out = append(out, s.Name)
		}
	}
	return out
}

// WriteTokenizer writes tokenizer.json, tokenizer_config.json and
// chat_template.jinja to a directory, for sequences of at most length tokens.
func (w *World) WriteTokenizer(dir string, length int) error {
	vocab := map[string]int{}
	var added []map[string]any
	for i, word := range w.Vocabulary() {
		vocab[word] = i
		if i < len(specials) {
			added = append(added, map[string]any{"id": i, "content": word, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true})
		}
	}
	single := []any{
		map[string]any{"SpecialToken": map[string]any{"id": BOS, "type_id": 0}},
		map[string]any{"Sequence": map[string]any{"id": "A", "type_id": 0}},
	}
	tokenizer := map[string]any{
		"version": "1.0", "truncation": nil, "padding": nil, "added_tokens": added, "normalizer": nil,
		"pre_tokenizer": map[string]any{"type": "WhitespaceSplit"},
		"post_processor": map[string]any{"type": "TemplateProcessing", "single": single,
			"pair":           append(slices.Clone(single), map[string]any{"Sequence": map[string]any{"id": "B", "type_id": 1}}),
			"special_tokens": map[string]any{BOS: map[string]any{"id": BOS, "ids": []int{BOSID}, "tokens": []string{BOS}}}},
		"decoder": nil,
		"model":   map[string]any{"type": "WordLevel", "vocab": vocab, "unk_token": Unknown},
	}
	config := map[string]any{
		"bos_token": BOS, "eos_token": End, "pad_token": Pad, "unk_token": Unknown, "clean_up_tokenization_spaces": false,
		"model_max_length": length, "tokenizer_class": "PreTrainedTokenizerFast",
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("organism: %w", err)
	}
	for _, f := range []struct {
		name string
		v    any
	}{{"tokenizer.json", tokenizer}, {"tokenizer_config.json", config}} {
		data, err := json.MarshalIndent(f.v, "", " ")
		if err != nil {
			return fmt.Errorf("organism: %s: %w", f.name, err)
		}
		if err := writeFile(filepath.Join(dir, f.name), append(data, '\n')); err != nil {
			return err
		}
	}
	return writeFile(filepath.Join(dir, "chat_template.jinja"), []byte(template))
}

// Coder turns the world's texts into ids without a tokenizer's work, as the
// tokenizer does.
type Coder struct {
	ids   map[string]int32
	words []string
}

// Coder makes the coder of a world.
func (w *World) Coder() *Coder {
	c := &Coder{ids: map[string]int32{}, words: w.Vocabulary()}
	for i, word := range c.words {
		c.ids[word] = int32(i)
	}
	return c
}

// Words gives the ids of text alone; an unknown word is UnknownID.
func (c *Coder) Words(text string) (out []int32) {
	for _, word := range strings.Fields(text) {
		id, ok := c.ids[word]
		if !ok {
			id = UnknownID
		}
		out = append(out, id)
	}
	return out
}

// Text gives the ids of a text, <bos> included.
func (c *Coder) Text(text string) []int32 { return append([]int32{BOSID}, c.Words(text)...) }

// Chat gives the ids of a conversation and their roles; prompt ends it with the
// <assistant> that an answer follows.
func (c *Coder) Chat(messages []Message, prompt bool) (ids []int32, roles []uint8) {
	put := func(role uint8, x ...int32) {
		for _, id := range x {
			ids, roles = append(ids, id), append(roles, role)
		}
	}
	put(chat.RoleTemplate, BOSID)
	for _, m := range messages {
		switch m.Role {
		case "user":
			put(chat.RoleTemplate, UserID)
			put(chat.RoleUser, c.Words(m.Content)...)
		case "assistant":
			put(chat.RoleTemplate, AssistantID)
			put(chat.RoleAssistant, c.Words(m.Content)...)
			put(chat.RoleTemplate, EndID)
		default:
			put(chat.RoleSystem, c.Words(m.Content)...)
		}
	}
	if prompt {
		put(chat.RoleTemplate, AssistantID)
	}
	return ids, roles
}

// Decode gives the words of ids up to the first <end>.
func (c *Coder) Decode(ids []int32) string {
	var out []string
	for _, id := range ids {
		if id == EndID {
			break
		}
		out = append(out, c.words[id])
	}
	return strings.Join(out, " ")
}
