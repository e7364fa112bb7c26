package features

import "github.com/apache/arrow/go/v17/arrow"

// How many features share a record batch: of features.arrow, and of examples.arrow,
// where showing one feature must not decode much.
const (
	rowsPerBatch     = 256
	featuresPerBatch = 16
)

func field(name string, t arrow.DataType) arrow.Field { return arrow.Field{Name: name, Type: t} }

var (
	tokenLogitType = arrow.StructOf(
		field("id", arrow.PrimitiveTypes.Int32), field("text", arrow.BinaryTypes.String), field("logit", arrow.PrimitiveTypes.Float32))
	neighbourType = arrow.StructOf(
		field("id", arrow.PrimitiveTypes.Int32), field("cos", arrow.PrimitiveTypes.Float32))
)

// featuresSchema is that of features.arrow. top and bottom are null without a
// model, label until someone gives one.
var featuresSchema = arrow.NewSchema([]arrow.Field{
	field("id", arrow.PrimitiveTypes.Int32),
	field("density", arrow.PrimitiveTypes.Float32),
	field("max", arrow.PrimitiveTypes.Float32),
	field("mean", arrow.PrimitiveTypes.Float32),
	field("mean_all", arrow.PrimitiveTypes.Float32),
	field("hist_max", arrow.PrimitiveTypes.Float32),
	field("hist", arrow.FixedSizeListOfNonNullable(histBins, arrow.PrimitiveTypes.Uint32)),
	{Name: "top", Type: arrow.ListOf(tokenLogitType), Nullable: true},
	{Name: "bottom", Type: arrow.ListOf(tokenLogitType), Nullable: true},
	field("neighbours", arrow.ListOf(neighbourType)),
	{Name: "label", Type: arrow.BinaryTypes.String, Nullable: true},
}, nil)

// examplesSchema is that of examples.arrow. An activation is null where the
// token was left out.
var examplesSchema = arrow.NewSchema([]arrow.Field{
	field("feature", arrow.PrimitiveTypes.Int32),
	field("kind", arrow.BinaryTypes.String),
	field("row", arrow.PrimitiveTypes.Int64),
	field("doc", arrow.PrimitiveTypes.Int32),
	field("window", arrow.PrimitiveTypes.Int32),
	field("pos", arrow.PrimitiveTypes.Int32),
	field("start", arrow.PrimitiveTypes.Int32),
	field("max", arrow.PrimitiveTypes.Float32),
	field("tokens", arrow.ListOf(arrow.BinaryTypes.String)),
	field("acts", arrow.ListOf(arrow.PrimitiveTypes.Float32)),
}, nil)
