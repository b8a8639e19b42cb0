//! What a command looks for, and whether an index finds it.

use bson::{Bson, Document, doc};

use crate::{collections::ALL, indexes::Declared};

/// What a command looks for, as a query of its own: what is then done to it makes no difference to how it is found.
pub(super) fn finds(command: &Document) -> Vec<Document> {
    let Some((name, collection)) = command.iter().next() else { return Vec::new() };
    let find = |filter: Option<&Document>| doc! { "find": collection, "filter": filter.cloned().unwrap_or_default() };
    let each = |of: &str| {
        let those =
            command.get_array(of).into_iter().flatten().filter_map(|it| it.as_document()?.get_document("q").ok());
        those.map(|filter| find(Some(filter))).collect()
    };
    match name.as_str() {
        "find" => {
            let mut find = find(command.get_document("filter").ok());
            for part in ["sort", "projection", "limit", "hint"] {
                find.extend(command.get(part).map(|it| (part.to_owned(), it.clone())));
            }
            vec![find]
        }
        // Without a query, MongoDB knows by itself how many there are.
        "findAndModify" | "count" => command.get_document("query").ok().map(Some).map(find).into_iter().collect(),
        "update" => each("updates"),
        "delete" => each("deletes"),
        "aggregate" => {
            let stages = command.get_array("pipeline").into_iter().flatten();
            let first = stages.filter_map(Bson::as_document).next();
            vec![find(first.and_then(|stage| stage.get_document("$match").ok()))]
        }
        _ => Vec::new(),
    }
}

/// Whether MongoDB has an index for what the stand-in scans for, which takes one only if it has every field of the filter
/// (docs/mongodb.md). One that begins with some field of the filter will do, or with the first of the order.
pub(super) fn has_index(query: &Document) -> bool {
    let collection = query.get_str("find").unwrap();
    let declared = ALL.iter().find(|declared| declared.name == collection).unwrap();
    let filter = query.get_document("filter").unwrap();
    let order = query.get_document("sort").ok().and_then(|order| order.keys().next());
    narrows(declared, filter) || (filter.is_empty() && order.is_some_and(|field| begins(declared, field, false)))
}

/// Whether an index narrows down what the filter may find.
fn narrows(declared: &Declared, filter: &Document) -> bool {
    filter.iter().any(|(field, wanted)| {
        if field == "$or" {
            let mut ways = wanted.as_array().into_iter().flatten().filter_map(Bson::as_document);
            return ways.all(|way| narrows(declared, way));
        }
        let anything_else = ["$nin", "$ne"];
        let is_other =
            wanted.as_document().is_some_and(|it| it.keys().all(|key| anything_else.contains(&key.as_str())));
        !is_other && begins(declared, field, *wanted != Bson::Null)
    })
}

/// Whether an index begins with the field. One that holds only documents with the field will do if these are all that
/// are asked for.
fn begins(declared: &Declared, field: &str, is_there: bool) -> bool {
    let mut indexes = declared.indexes.iter().filter(|index| is_there || !index.is_partial());
    field == "_id" || indexes.any(|index| index.keys[0].0 == field)
}
