//! What this room may cost at most: time, bytes, tasks.

use std::time::Duration;

/// Profiles that may be configured.
pub(crate) const PROFILES_MAX: usize = 64;
/// Models kept of one profile's list.
pub(crate) const MODELS_MAX: usize = 500;
/// Bytes of a list of models.
pub(crate) const LISTING_BYTES_MAX: usize = 2 << 20;
/// Bytes of a model's name.
pub(crate) const MODEL_NAME_BYTES_MAX: usize = 256;
/// Between two looks at the profiles.
pub(crate) const REFRESH_EVERY: Duration = Duration::from_secs(60);
/// For one probe of a provider in the cloud.
pub(crate) const PROBE_WAIT: Duration = Duration::from_secs(4);
/// For one probe on this machine: nobody there is the usual case.
pub(crate) const LOCAL_PROBE_WAIT: Duration = Duration::from_millis(800);
/// For a connection.
pub(crate) const CONNECT_WAIT: Duration = Duration::from_secs(5);

/// Bytes of a task's input.
pub(crate) const INPUT_BYTES_MAX: usize = 256 << 10;
/// Bytes of an agent's name, a task's type, a profile's name.
pub(crate) const NAME_BYTES_MAX: usize = 200;
/// Bytes of a model's answer.
pub(crate) const ANSWER_BYTES_MAX: usize = 4 << 20;
/// Tasks that wait for their turn.
pub(crate) const QUEUE_LEN: usize = 256;
/// Model calls under way at once.
pub(crate) const RUNNING_MAX: usize = 8;
/// Tasks that a list shows.
pub(crate) const LISTED_MAX: u32 = 100;
/// For one task, retries included.
pub(crate) const TASK_WAIT: Duration = Duration::from_secs(600);
/// Calls of one task after the first.
pub(crate) const RETRIES_MAX: u32 = 2;
/// The longest pause before the first retry; each further one doubles it.
pub(crate) const RETRY_PAUSE: Duration = Duration::from_millis(500);
/// A provider that asks for a longer pause than this has said no.
pub(crate) const RETRY_AFTER_MAX: Duration = Duration::from_secs(30);
/// Characters of a provider's own error words that are passed on.
pub(crate) const FOREIGN_TEXT_CHARS: usize = 300;
