package activations

import (
	"fmt"

	"agar/activations/manifest"
)

// Content is what the manifest of a capture says beyond what every manifest
// says, under "content".
type Content struct {
	Columns   []Column         `json:"columns"`                // the hooks, in the order of the files
	DType     DType            `json:"dtype"`                  // of all columns
	Context   int              `json:"context"`                // longest window, in tokens
	Documents int64            `json:"documents"`              // documents with rows
	Empty     int64            `json:"empty_documents"`        // documents before the last one that had no text
	Tokens    int64            `json:"tokens"`                 // rows
	Roles     map[string]int64 `json:"roles,omitempty"`        // rows by role, 0 to 5
	Special   []int32          `json:"special_ids"`            // ids the tokenizer calls special
	Prefix    []int32          `json:"prefix_ids"`             // ids it puts before a text
	Widened   int64            `json:"widened_rows,omitempty"` // first rows, stored as float32 after having been rounded to float16
	Groups    []string         `json:"groups,omitempty"`       // names by the number in the column group, where there is one
	Shards    []Shard          `json:"shards"`
}

// Shard is one file of a store.
type Shard struct {
	Name     string `json:"name"`
	Rows     int64  `json:"rows"`
	FirstDoc int32  `json:"first_doc"`
	LastDoc  int32  `json:"last_doc"` // shards end with a document
}

// readContent decodes and checks the content of a manifest.
func readContent(m *manifest.Manifest) (Content, error) {
	var c Content
	if err := m.ContentInto(&c); err != nil {
		return c, err
	}
	for _, col := range c.Columns {
		if err := col.check(); err != nil {
			return c, fmt.Errorf("%s: %w", manifest.Name, err)
		}
	}
	rows := int64(0)
	for i, s := range c.Shards {
		if s.Name != shardName(i) || s.Rows < 1 {
			return c, fmt.Errorf("%s: found shard %d named %q with %d rows, expected %s with some", manifest.Name, i, s.Name, s.Rows, shardName(i))
		}
		rows += s.Rows
	}
	if rows != c.Tokens {
		return c, fmt.Errorf("%s: found %d rows in %d shards, expected %d", manifest.Name, rows, len(c.Shards), c.Tokens)
	}
	return c, nil
}

func shardName(i int) string { return fmt.Sprintf("shard-%06d.arrow", i) }
