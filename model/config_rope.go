package model

import "math"

// rope reads a rotary embedding of which dim of dHead values of a head turn when
// there is no partial_rotary_factor. Newer configs have all of it in
// rope_parameters, older ones in rope_scaling and in keys of their own. maxPos is
// the context that scalings take for the original one when they do not say.
func (c *config) rope(theta float64, dHead, maxPos int) Rope {
	return c.ropeIn(c.float("rope_theta", theta), c.float("partial_rotary_factor", 1), dHead, maxPos)
}

// ropeIn is rope with what counts where rope_parameters says nothing.
func (c *config) ropeIn(theta, part float64, dHead, maxPos int) Rope {
	r := Rope{Theta: theta}
	original := c.int("original_max_position_embeddings", c.originalMaxPos)
	o := c.object("rope_parameters")
	if old := c.object("rope_scaling"); old != nil {
		o = old
	}
	if o != nil {
		r.Theta = o.float("rope_theta", r.Theta)
		part = o.float("partial_rotary_factor", part)
		o.yarnIsLongrope = c.yarnIsLongrope
		r.Scaling = o.ropeScaling(original, maxPos)
		c.adopt(o)
	}
	r.Dim = rotated(part, dHead)
	return r
}

// rotated is how many values of a head turn, the number of frequencies doubled.
func rotated(part float64, dHead int) int {
	if !(part > 0 && part <= 1) {
		return -1
	}
	return int(float64(dHead) * part)
}

// adopt takes over the errors of an object inside c, and refuses what is left of it.
func (c *config) adopt(o *config) {
	if left := o.unread(); len(left) > 0 {
		o.fail("%v: not known and could change the rotary embedding", left)
	}
	if o.err != nil && c.err == nil {
		c.err = o.err
	}
}

// ropeScaling reads rope_parameters or rope_scaling.
func (o *config) ropeScaling(original, maxPos int) RopeScaling {
	kind := o.string("rope_type", o.string("type", "default"))
	if kind == "su" || kind == "yarn" && o.yarnIsLongrope {
		kind = "longrope"
	}
	s := RopeScaling{Type: kind, Factor: o.float("factor", 0)}
	s.OriginalMaxPos = o.int("original_max_position_embeddings", maxPos)
	if original > 0 {
		s.OriginalMaxPos = original
	}
	attention := o.float("attention_factor", 0)
	switch kind {
	case "default":
		return RopeScaling{}
	case "linear":
		s.OriginalMaxPos = 0
	case "dynamic":
		s.OriginalMaxPos = maxPos
	case "longrope":
		o.get("short_factor", &s.Short)
		o.get("long_factor", &s.Long)
		s.longropeFactor(attention, maxPos)
	case "yarn":
		s.BetaFast, s.BetaSlow = o.nonzero("beta_fast", 32), o.nonzero("beta_slow", 1)
		s.Untruncated = !o.bool("truncate", true)
		s.yarnFactor(attention, o.float("mscale", 0), o.float("mscale_all_dim", 0), maxPos)
	case "llama3":
		s.LowFreqFactor, s.HighFreqFactor = o.float("low_freq_factor", 0), o.float("high_freq_factor", 0)
	default:
		o.fail("%srope_type %q is not supported, expected default, linear, dynamic, yarn, longrope or llama3", o.path, kind)
	}
	return s
}

// nonzero is a number, or its default also when it is 0.
func (o *config) nonzero(key string, def float64) float64 {
	if v := o.float(key, def); v != 0 {
		return v
	}
	return def
}

// longropeFactor fills in what transformers derives: the factor from the two
// contexts, the attention's √(1 + ln factor / ln L).
func (r *RopeScaling) longropeFactor(attention float64, maxPos int) {
	if r.Factor == 0 && r.OriginalMaxPos > 0 {
		r.Factor = float64(maxPos) / float64(r.OriginalMaxPos)
	}
	r.Attention = attention
	if attention == 0 {
		r.Attention = 1
		if r.Factor > 1 {
			r.Attention = math.Sqrt(1 + math.Log(r.Factor)/math.Log(float64(r.OriginalMaxPos)))
		}
	}
	r.Factor = max(r.Factor, 1)
}

// yarnFactor does so for yarn: the attention's 0.1·mscale·ln factor + 1, or the
// ratio of two of them.
func (r *RopeScaling) yarnFactor(attention, mscale, mscaleAll float64, maxPos int) {
	if r.Factor == 0 && r.OriginalMaxPos > 0 {
		r.Factor = float64(maxPos) / float64(r.OriginalMaxPos)
	}
	scale := func(m float64) float64 {
		if r.Factor <= 1 {
			return 1
		}
		return 0.1*m*math.Log(r.Factor) + 1
	}
	switch {
	case attention != 0:
		r.Attention = attention
	case mscale != 0 && mscaleAll != 0:
		r.Attention = scale(mscale) / scale(mscaleAll)
	default:
		r.Attention = scale(1)
	}
}
