//! `report.d.ts`, written from the published schema of a report.

use std::fmt::Write as _;

use serde_json::{Map, Value};

/// The declarations of every type in `schema`.
fn declarations(schema: &Value) -> String {
    let mut out = "// Written from docs/report.schema.json by `HEADROOM_BLESS=1 cargo test -p headroom-js`.\n"
        .to_owned();
    let types = schema["$defs"].as_object().into_iter().flatten();
    let root = [("Report", schema)];
    for (name, schema) in root.into_iter().chain(types.map(|(name, t)| (name.as_str(), t))) {
        let _ = write!(out, "\n{}export type {name} = {};\n", comment(schema, ""), ty(schema, ""));
    }
    out
}

/// The description of a schema as a comment with `indent` before it.
fn comment(schema: &Value, indent: &str) -> String {
    let Some(text) = schema["description"].as_str() else { return String::new() };
    let text = text.replace("*/", "*\\/").replace('\n', &format!("\n{indent} * "));
    format!("{indent}/** {text} */\n")
}

/// A schema as a TypeScript type.
fn ty(schema: &Value, indent: &str) -> String {
    let mut parts = Vec::new();
    if let Some(name) = schema["$ref"].as_str() {
        parts.push(name.rsplit('/').next().unwrap_or(name).to_owned());
    }
    for key in ["oneOf", "anyOf"] {
        if let Some(any) = schema[key].as_array() {
            let any: Vec<String> = any.iter().map(|one| ty(one, indent)).collect();
            parts.push(if any.len() > 1 { format!("({})", any.join(" | ")) } else { any.concat() });
        }
    }
    if let Some(value) = schema.get("const") {
        parts.push(value.to_string());
    } else if let Some(values) = schema["enum"].as_array() {
        let values: Vec<String> = values.iter().map(Value::to_string).collect();
        parts.push(values.join(" | "));
    } else if let Some(properties) = schema["properties"].as_object() {
        parts.push(object(schema, properties, indent));
    } else {
        match &schema["type"] {
            Value::String(name) => parts.push(named(name, schema, indent)),
            Value::Array(names) => {
                let names = names.iter().filter_map(Value::as_str);
                let names: Vec<String> = names.map(|name| named(name, schema, indent)).collect();
                parts.push(format!("({})", names.join(" | ")));
            }
            _ => {}
        }
    }
    if parts.is_empty() { "unknown".to_owned() } else { parts.join(" & ") }
}

fn named(name: &str, schema: &Value, indent: &str) -> String {
    match name {
        "integer" | "number" => "number".to_owned(),
        "array" => match schema["prefixItems"].as_array() {
            Some(items) => {
                let items: Vec<String> = items.iter().map(|item| ty(item, indent)).collect();
                format!("[{}]", items.join(", "))
            }
            None => format!("Array<{}>", ty(&schema["items"], indent)),
        },
        "object" => format!("Record<string, {}>", ty(&schema["additionalProperties"], indent)),
        other => other.to_owned(),
    }
}

fn object(schema: &Value, properties: &Map<String, Value>, indent: &str) -> String {
    let deeper = format!("{indent}  ");
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut out = "{\n".to_owned();
    for (name, schema) in properties {
        let optional = if required.contains(&name.as_str()) { "" } else { "?" };
        let (comment, ty) = (comment(schema, &deeper), ty(schema, &deeper));
        let _ = writeln!(out, "{comment}{deeper}{name}{optional}: {ty};");
    }
    out + indent + "}"
}

#[test]
fn the_types_are_those_of_the_published_schema() {
    let folder = env!("CARGO_MANIFEST_DIR");
    let schema =
        std::fs::read_to_string(format!("{folder}/../../docs/report.schema.json")).unwrap();
    let written = declarations(&serde_json::from_str(&schema).unwrap());
    let path = format!("{folder}/report.d.ts");
    if std::env::var_os("HEADROOM_BLESS").is_some() {
        std::fs::write(&path, &written).unwrap();
    }
    let published = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(published == written, "{path} is out of date: run the test with HEADROOM_BLESS=1");
}

#[test]
fn a_schema_becomes_a_type() {
    let schema = serde_json::json!({
        "type": "object",
        "required": ["id"],
        "properties": {
            "id": { "type": "string" },
            "size": { "anyOf": [{ "$ref": "#/$defs/Bytes" }, { "type": "null" }] },
            "pair": { "type": "array", "prefixItems": [{ "type": "integer" }, { "const": "x" }] },
        },
    });
    assert_eq!(
        ty(&schema, ""),
        "{\n  id: string;\n  pair?: [number, \"x\"];\n  size?: (Bytes | null);\n}"
    );
}
