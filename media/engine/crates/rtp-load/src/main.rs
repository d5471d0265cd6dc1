// SPDX-License-Identifier: Apache-2.0
//! Paced RTP load for any relay.
fn main() {}
