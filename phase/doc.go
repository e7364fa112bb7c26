// Package phase follows a fine-tune through its checkpoints: how the adapter
// moves and turns (needs no model), and how the features of a dictionary rise
// and fall with it.
//
// Conventions, each of which has a second camp:
//
//   - v_t is the adapter at step t: the vector B for rank 1 (as in Turner et
//     al., 2506.11613), ΔW under the Frobenius product for higher ranks and for
//     several modules together.
//   - The turn angle is θ_k(t) = arccos(−C_k(t)) in degrees, with Turner's local
//     cosine C_k(t) = cos(v_{t−k} − v_t, v_{t+k} − v_t): 0° is straight on, 90° a
//     right angle, 180° back. Turner's own curve peaks where θ does; the
//     convention of the ARENA course, c_k = −C_k = cos θ_k, dips there.
//   - k counts training steps. Neighbours are looked up by step, never by index.
//   - A missing value is null (NaN inside Go), never 0.
//
// Events rest on the debiased angle, in which noise averages out. METRICS.md
// defines every number.
package phase
