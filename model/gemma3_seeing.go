package model

import (
	"encoding/json"
	"strings"
)

// gemma3Seeing is Gemma 3 from 4B on, which is published with a model of images:
// its text part is read, as Gemma3ForCausalLM would be, and images are left aside.
func gemma3Seeing() *family {
	return &family{architectures: []string{"Gemma3ForConditionalGeneration"}, spec: gemma3SeeingSpec, hf: gemmaNames(),
		ignored: []string{"rotary_emb.inv_freq"}}
}

// gemma3SeeingSpec reads text_config; what it leaves out is Gemma3TextConfig's
// default. The other keys are of images.
func gemma3SeeingSpec(c *config) Spec {
	for _, k := range strings.Fields("vision_config mm_tokens_per_image boi_token_index eoi_token_index image_token_index boi_token_id eoi_token_id image_token_id") {
		c.read[k] = true
	}
	text := c.object("text_config")
	if text == nil {
		c.fail("text_config: found none, expected the configuration of the text part")
		return Spec{}
	}
	for key, v := range map[string]string{"num_attention_heads": "8", "vocab_size": "262208", "hidden_size": "2304", "intermediate_size": "9216", "num_hidden_layers": "26"} {
		if !text.has(key) {
			text.keys[key] = json.RawMessage(v)
		}
	}
	s := gemma3Spec(text)
	s.TieEmbeddings = c.bool("tie_word_embeddings", s.TieEmbeddings)
	text.everywhere()
	if left := text.unread(); len(left) > 0 {
		text.fail("%s is not known of Gemma 3 and could change its numbers (null or leaving it out takes the default)", strings.Join(left, ", "))
	}
	if c.err == nil {
		c.err = text.err
	}
	return s
}

// textSource serves the text part of a checkpoint that sees images too. Its tensors
// are called language_model.model.X, and model.language_model.X by newer writers.
type textSource struct {
	tensorSource
	newer bool
}

// textPart is src without what is for images.
func textPart(src tensorSource) tensorSource {
	for _, n := range src.names() {
		switch {
		case strings.HasPrefix(n, "language_model.model."):
			return textSource{src, false}
		case strings.HasPrefix(n, "model.language_model."):
			return textSource{src, true}
		}
	}
	return src
}

func (x textSource) tensor(name string) (stored, bool, error) {
	inFile := "language_model." + name
	if x.newer {
		inFile = name
		if rest, ok := strings.CutPrefix(name, "model."); ok {
			inFile = "model.language_model." + rest
		}
	}
	t, ok, err := x.tensorSource.tensor(inFile)
	t.name = name
	return t, ok, err
}

func (x textSource) names() (out []string) {
	for _, n := range x.tensorSource.names() {
		plain := strings.TrimPrefix(n, "model.")
		if strings.HasPrefix(plain, "vision_tower.") || strings.HasPrefix(plain, "multi_modal_projector.") {
			continue
		}
		if rest, ok := strings.CutPrefix(n, "model.language_model."); ok && x.newer {
			n = "model." + rest
		} else if !x.newer {
			n = strings.TrimPrefix(n, "language_model.")
		}
		out = append(out, n)
	}
	return out
}
