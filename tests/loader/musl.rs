//! musl, rule by rule.
