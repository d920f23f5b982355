//! A policy's reasons: the table in its manifest and the indices in its decisions, from one place.

/// Declares a policy's reasons as an enum: a code to count by, a text to read, and the law where there is one.
///
/// In the text, `{detail}` stands for what a decision adds. The enum gets `manifest(name, version, summary)`,
/// `because()` and `with(detail)`; a reason's index is its place in the list, so that table and decisions cannot part.
/// The crate's own example shows one.
#[macro_export]
macro_rules! reasons {
    (
        $(#[$meta:meta])*
        $visibility:vis enum $name:ident {
            $( $(#[$doc:meta])* $variant:ident => $code:literal, $text:literal $(, $authority:literal)? ),+ $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u32)]
        $visibility enum $name {
            $( $(#[$doc])* $variant ),+
        }

        #[allow(dead_code, reason = "a policy need not use all that the table offers")]
        impl $name {
            /// What the policy is, with the table of its reasons.
            #[must_use]
            $visibility fn manifest(name: &str, version: &str, summary: &str) -> $crate::Manifest {
                $crate::Manifest {
                    name: name.into(),
                    version: version.into(),
                    summary: summary.into(),
                    reasons: [ $( $crate::reason($code, $text, &[$($authority)?]) ),+ ].into(),
                }
            }

            /// This reason, with nothing particular to the record.
            #[must_use]
            $visibility const fn because(self) -> $crate::Because {
                $crate::Because { reason: self as u32, detail: None }
            }

            /// This reason, with what `{detail}` stands for.
            #[must_use]
            $visibility fn with(self, detail: impl Into<String>) -> $crate::Because {
                $crate::Because { reason: self as u32, detail: Some(detail.into()) }
            }
        }
    };
}

/// One row of a manifest; what the macro calls.
#[doc(hidden)]
#[must_use]
pub fn reason(code: &str, text: &str, authority: &[&str]) -> crate::Reason {
    crate::Reason { code: code.into(), text: text.into(), authority: authority.first().map(|&law| law.into()) }
}

#[cfg(test)]
mod tests {
    crate::reasons! {
        enum Why {
            First => "first", "the first",
            Second => "second", "the second, {detail}", "Act 2",
        }
    }

    #[test]
    fn a_reason_names_its_own_row_of_the_manifest() {
        let manifest = Why::manifest("x", "1", "y");
        for (because, code, law) in
            [(Why::First.because(), "first", None), (Why::Second.with("d"), "second", Some("Act 2"))]
        {
            let row = &manifest.reasons[because.reason as usize];
            assert_eq!((row.code.as_str(), row.authority.as_deref()), (code, law));
        }
    }
}
