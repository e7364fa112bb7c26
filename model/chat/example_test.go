package chat_test

import (
	"fmt"

	"agar/model/chat"
)

func Example() {
	tpl, err := chat.Parse(`{% for m in messages %}<|{{ m.role }}|>{{ m.content | trim }}<|end|>{% endfor %}`, nil)
	if err != nil {
		panic(err)
	}
	r, err := tpl.Render([]chat.Message{{Role: "user", Content: " Hi! "}, {Role: "assistant", Content: "Hello."}}, false)
	if err != nil {
		panic(err)
	}
	fmt.Println(r.Text)
	for _, s := range r.Spans {
		fmt.Println(s.Role == chat.RoleAssistant, r.Text[s.Start:s.End])
	}
	// Output:
	// <|user|>Hi!<|end|><|assistant|>Hello.<|end|>
	// false Hi!
	// true Hello.
}
