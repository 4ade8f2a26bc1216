//! Macros for the tables of `tree.rs`.

/// Classes without classes below them.
macro_rules! leaves {
    ($($class:ident)*) => {$(
        impl Sealed for $class {}
        impl Exception for $class {}
    )*};
}

/// Classes with classes below them, with `[Base]` where the class itself can be raised too.
///
/// The `match` has no `_` arm, so a class that is missing from the table doesn't compile.
macro_rules! bases {
    ($($class:ident $([$base:ident])?: $($child:ident)*;)*) => {$(
        impl Sealed for $class {}

        impl Exception for $class {
            fn narrower(&self) -> Option<&dyn Exception> {
                match self {
                    $(Self::$base { .. } => None,)?
                    $(Self::$child(e) => Some(Borrow::<$child>::borrow(e)),)*
                }
            }
        }

        impl $class {
            /// Returns the exception as a `T`, at any depth; `None` when it isn't a `T`.
            ///
            /// `T` is this class or any class below it. The call keeps working when a class is added
            /// between two others.
            #[doc(alias = "isinstance")]
            #[doc(alias = "downcast_ref")]
            #[must_use]
            pub fn get<T: Exception>(&self) -> Option<&T> {
                find(self)
            }
        }
    )*};
}

/// Conversions of a class into each class above it, one line per class:
/// `Class: Parent: Grandparent: …`.
macro_rules! is_a {
    ($($child:ident: $parent:ident $(: $up:ident)*;)*) => {$(
        impl From<$child> for $parent {
            fn from(e: $child) -> Self {
                Self::$child(e.into()) // into itself, or into a `Box`
            }
        }

        widen!($child: $parent $(: $up)*);
    )*};
}

/// Conversions of `$from` into each class above `$via`, given one into `$via`.
macro_rules! widen {
    ($from:ident: $via:ident) => {};
    ($from:ident: $via:ident: $to:ident $(: $up:ident)*) => {
        impl From<$from> for $to {
            fn from(e: $from) -> Self {
                $via::from(e).into()
            }
        }

        widen!($from: $to $(: $up)*);
    };
}
