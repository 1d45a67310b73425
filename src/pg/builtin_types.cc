#include "pg/builtin_types.h"

#include <algorithm>
#include <iterator>

#include "pg/catalog_queries.h"

namespace tailrace::pg {
namespace {

struct BuiltinType {
  std::uint32_t oid;
  std::string_view name;       // in pg_catalog
  std::string_view formatted;  // as format_type() prints it
  ValueKind kind;
};

// From pg_type, by oid. These never change from one version to the next; a later version may add
// some, which are text here. An array of boxes separates its elements with ; and so is text too.
constexpr BuiltinType builtin_types[] = {
    {16, "bool", "boolean", ValueKind::boolean},
    {17, "bytea", "bytea", ValueKind::bytes},
    {18, "char", "\"char\"", ValueKind::text},
    {19, "name", "name", ValueKind::text},
    {20, "int8", "bigint", ValueKind::integer},
    {21, "int2", "smallint", ValueKind::integer},
    {22, "int2vector", "int2vector", ValueKind::text},
    {23, "int4", "integer", ValueKind::integer},
    {24, "regproc", "regproc", ValueKind::text},
    {25, "text", "text", ValueKind::text},
    {26, "oid", "oid", ValueKind::integer},
    {27, "tid", "tid", ValueKind::text},
    {28, "xid", "xid", ValueKind::text},
    {29, "cid", "cid", ValueKind::text},
    {30, "oidvector", "oidvector", ValueKind::text},
    {114, "json", "json", ValueKind::json},
    {142, "xml", "xml", ValueKind::text},
    {143, "_xml", "xml[]", ValueKind::array},
    {194, "pg_node_tree", "pg_node_tree", ValueKind::text},
    {199, "_json", "json[]", ValueKind::array},
    {210, "_pg_type", "pg_type[]", ValueKind::array},
    {270, "_pg_attribute", "pg_attribute[]", ValueKind::array},
    {271, "_xid8", "xid8[]", ValueKind::array},
    {272, "_pg_proc", "pg_proc[]", ValueKind::array},
    {273, "_pg_class", "pg_class[]", ValueKind::array},
    {600, "point", "point", ValueKind::text},
    {601, "lseg", "lseg", ValueKind::text},
    {602, "path", "path", ValueKind::text},
    {603, "box", "box", ValueKind::text},
    {604, "polygon", "polygon", ValueKind::text},
    {628, "line", "line", ValueKind::text},
    {629, "_line", "line[]", ValueKind::array},
    {650, "cidr", "cidr", ValueKind::text},
    {651, "_cidr", "cidr[]", ValueKind::array},
    {700, "float4", "real", ValueKind::floating},
    {701, "float8", "double precision", ValueKind::floating},
    {718, "circle", "circle", ValueKind::text},
    {719, "_circle", "circle[]", ValueKind::array},
    {774, "macaddr8", "macaddr8", ValueKind::text},
    {775, "_macaddr8", "macaddr8[]", ValueKind::array},
    {790, "money", "money", ValueKind::text},
    {791, "_money", "money[]", ValueKind::array},
    {829, "macaddr", "macaddr", ValueKind::text},
    {869, "inet", "inet", ValueKind::text},
    {1000, "_bool", "boolean[]", ValueKind::array},
    {1001, "_bytea", "bytea[]", ValueKind::array},
    {1002, "_char", "\"char\"[]", ValueKind::array},
    {1003, "_name", "name[]", ValueKind::array},
    {1005, "_int2", "smallint[]", ValueKind::array},
    {1006, "_int2vector", "int2vector[]", ValueKind::array},
    {1007, "_int4", "integer[]", ValueKind::array},
    {1008, "_regproc", "regproc[]", ValueKind::array},
    {1009, "_text", "text[]", ValueKind::array},
    {1010, "_tid", "tid[]", ValueKind::array},
    {1011, "_xid", "xid[]", ValueKind::array},
    {1012, "_cid", "cid[]", ValueKind::array},
    {1013, "_oidvector", "oidvector[]", ValueKind::array},
    {1014, "_bpchar", "character[]", ValueKind::array},
    {1015, "_varchar", "character varying[]", ValueKind::array},
    {1016, "_int8", "bigint[]", ValueKind::array},
    {1017, "_point", "point[]", ValueKind::array},
    {1018, "_lseg", "lseg[]", ValueKind::array},
    {1019, "_path", "path[]", ValueKind::array},
    {1020, "_box", "box[]", ValueKind::text},
    {1021, "_float4", "real[]", ValueKind::array},
    {1022, "_float8", "double precision[]", ValueKind::array},
    {1027, "_polygon", "polygon[]", ValueKind::array},
    {1028, "_oid", "oid[]", ValueKind::array},
    {1033, "aclitem", "aclitem", ValueKind::text},
    {1034, "_aclitem", "aclitem[]", ValueKind::array},
    {1040, "_macaddr", "macaddr[]", ValueKind::array},
    {1041, "_inet", "inet[]", ValueKind::array},
    {1042, "bpchar", "character", ValueKind::text},
    {1043, "varchar", "character varying", ValueKind::text},
    {1082, "date", "date", ValueKind::date},
    {1083, "time", "time without time zone", ValueKind::time},
    {1114, "timestamp", "timestamp without time zone", ValueKind::timestamp},
    {1115, "_timestamp", "timestamp without time zone[]", ValueKind::array},
    {1182, "_date", "date[]", ValueKind::array},
    {1183, "_time", "time without time zone[]", ValueKind::array},
    {1184, "timestamptz", "timestamp with time zone", ValueKind::timestamptz},
    {1185, "_timestamptz", "timestamp with time zone[]", ValueKind::array},
    {1186, "interval", "interval", ValueKind::text},
    {1187, "_interval", "interval[]", ValueKind::array},
    {1231, "_numeric", "numeric[]", ValueKind::array},
    {1263, "_cstring", "cstring[]", ValueKind::array},
    {1266, "timetz", "time with time zone", ValueKind::timetz},
    {1270, "_timetz", "time with time zone[]", ValueKind::array},
    {1560, "bit", "bit", ValueKind::text},
    {1561, "_bit", "bit[]", ValueKind::array},
    {1562, "varbit", "bit varying", ValueKind::text},
    {1563, "_varbit", "bit varying[]", ValueKind::array},
    {1700, "numeric", "numeric", ValueKind::numeric},
    {1790, "refcursor", "refcursor", ValueKind::text},
    {2201, "_refcursor", "refcursor[]", ValueKind::array},
    {2202, "regprocedure", "regprocedure", ValueKind::text},
    {2203, "regoper", "regoper", ValueKind::text},
    {2204, "regoperator", "regoperator", ValueKind::text},
    {2205, "regclass", "regclass", ValueKind::text},
    {2206, "regtype", "regtype", ValueKind::text},
    {2207, "_regprocedure", "regprocedure[]", ValueKind::array},
    {2208, "_regoper", "regoper[]", ValueKind::array},
    {2209, "_regoperator", "regoperator[]", ValueKind::array},
    {2210, "_regclass", "regclass[]", ValueKind::array},
    {2211, "_regtype", "regtype[]", ValueKind::array},
    {2949, "_txid_snapshot", "txid_snapshot[]", ValueKind::array},
    {2950, "uuid", "uuid", ValueKind::text},
    {2951, "_uuid", "uuid[]", ValueKind::array},
    {2970, "txid_snapshot", "txid_snapshot", ValueKind::text},
    {3220, "pg_lsn", "pg_lsn", ValueKind::text},
    {3221, "_pg_lsn", "pg_lsn[]", ValueKind::array},
    {3361, "pg_ndistinct", "pg_ndistinct", ValueKind::text},
    {3402, "pg_dependencies", "pg_dependencies", ValueKind::text},
    {3614, "tsvector", "tsvector", ValueKind::text},
    {3615, "tsquery", "tsquery", ValueKind::text},
    {3642, "gtsvector", "gtsvector", ValueKind::text},
    {3643, "_tsvector", "tsvector[]", ValueKind::array},
    {3644, "_gtsvector", "gtsvector[]", ValueKind::array},
    {3645, "_tsquery", "tsquery[]", ValueKind::array},
    {3734, "regconfig", "regconfig", ValueKind::text},
    {3735, "_regconfig", "regconfig[]", ValueKind::array},
    {3769, "regdictionary", "regdictionary", ValueKind::text},
    {3770, "_regdictionary", "regdictionary[]", ValueKind::array},
    {3802, "jsonb", "jsonb", ValueKind::json},
    {3807, "_jsonb", "jsonb[]", ValueKind::array},
    {3904, "int4range", "int4range", ValueKind::text},
    {3905, "_int4range", "int4range[]", ValueKind::array},
    {3906, "numrange", "numrange", ValueKind::text},
    {3907, "_numrange", "numrange[]", ValueKind::array},
    {3908, "tsrange", "tsrange", ValueKind::text},
    {3909, "_tsrange", "tsrange[]", ValueKind::array},
    {3910, "tstzrange", "tstzrange", ValueKind::text},
    {3911, "_tstzrange", "tstzrange[]", ValueKind::array},
    {3912, "daterange", "daterange", ValueKind::text},
    {3913, "_daterange", "daterange[]", ValueKind::array},
    {3926, "int8range", "int8range", ValueKind::text},
    {3927, "_int8range", "int8range[]", ValueKind::array},
    {4072, "jsonpath", "jsonpath", ValueKind::text},
    {4073, "_jsonpath", "jsonpath[]", ValueKind::array},
    {4089, "regnamespace", "regnamespace", ValueKind::text},
    {4090, "_regnamespace", "regnamespace[]", ValueKind::array},
    {4096, "regrole", "regrole", ValueKind::text},
    {4097, "_regrole", "regrole[]", ValueKind::array},
    {4191, "regcollation", "regcollation", ValueKind::text},
    {4192, "_regcollation", "regcollation[]", ValueKind::array},
    {4451, "int4multirange", "int4multirange", ValueKind::text},
    {4532, "nummultirange", "nummultirange", ValueKind::text},
    {4533, "tsmultirange", "tsmultirange", ValueKind::text},
    {4534, "tstzmultirange", "tstzmultirange", ValueKind::text},
    {4535, "datemultirange", "datemultirange", ValueKind::text},
    {4536, "int8multirange", "int8multirange", ValueKind::text},
    {4600, "pg_brin_bloom_summary", "pg_brin_bloom_summary", ValueKind::text},
    {4601, "pg_brin_minmax_multi_summary", "pg_brin_minmax_multi_summary", ValueKind::text},
    {5017, "pg_mcv_list", "pg_mcv_list", ValueKind::text},
    {5038, "pg_snapshot", "pg_snapshot", ValueKind::text},
    {5039, "_pg_snapshot", "pg_snapshot[]", ValueKind::array},
    {5069, "xid8", "xid8", ValueKind::text},
    {6150, "_int4multirange", "int4multirange[]", ValueKind::array},
    {6151, "_nummultirange", "nummultirange[]", ValueKind::array},
    {6152, "_tsmultirange", "tsmultirange[]", ValueKind::array},
    {6153, "_tstzmultirange", "tstzmultirange[]", ValueKind::array},
    {6155, "_datemultirange", "datemultirange[]", ValueKind::array},
    {6157, "_int8multirange", "int8multirange[]", ValueKind::array},
};

}  // namespace

std::optional<ValueKind> kind_of_builtin(std::uint32_t type_oid) {
  if (type_oid >= first_user_oid) return std::nullopt;
  const BuiltinType* type =
      std::lower_bound(std::begin(builtin_types), std::end(builtin_types), type_oid,
                       [](const BuiltinType& a, std::uint32_t oid) { return a.oid < oid; });
  if (type == std::end(builtin_types) || type->oid != type_oid) return ValueKind::text;
  return type->kind;
}

std::optional<ValueKind> kind_of_builtin_name(std::string_view name) {
  for (const BuiltinType& type : builtin_types)
    if (type.name == name) return type.kind;
  return std::nullopt;
}

std::string_view builtin_type_name(std::uint32_t type_oid) {
  for (const BuiltinType& type : builtin_types)
    if (type.oid == type_oid) return type.formatted;
  return {};
}

}  // namespace tailrace::pg
