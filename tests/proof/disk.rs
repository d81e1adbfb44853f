//! The disk under the ledger is full, as the kernel says it: a limit on file sizes, set on the running process and taken away
//! again. Nothing answered is missing from the record afterwards, and it recovers without a restart.

use std::time::{Duration, Instant};

use crate::process::Stand;

/// How long a change of state may take to show.
const PATIENCE: Duration = Duration::from_secs(10);

#[test]
fn a_full_disk_is_told_and_survived() {
    for (mode, while_full) in [("required", 503), ("best_effort", 200)] {
        let mut stand = Stand::new();
        stand.add_config(&format!("mode = \"{mode}\"\n"));
        stand.start_without_size_signal();
        assert_eq!(stand.chat().0, 200);
        stand.bound_files(Some(4 << 10));
        let (mut served, began) = (1, Instant::now());
        while stand.ledger_healthy() {
            served += u64::from(stand.chat().0 == 200);
            assert!(began.elapsed() < PATIENCE, "{mode}: nothing is told of a full disk");
        }
        // Who does not require the record goes on serving, and is not taken out of service for it.
        assert_eq!(stand.status("/readyz"), while_full, "{mode}");
        for _ in 0..5 {
            let (status, text) = stand.chat();
            assert_eq!(status, while_full, "{mode}: {text}");
            assert!(status == 200 || text.contains("ledger_unavailable"), "{mode}: {text}");
            served += u64::from(status == 200);
        }
        stand.bound_files(None);
        let raised = Instant::now();
        while !stand.ledger_healthy() {
            assert!(raised.elapsed() < PATIENCE, "{mode}: it does not recover");
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!((stand.status("/readyz"), stand.chat().0), (200, 200), "{mode}");
        served += 1;
        stand.stop();
        // A refused request is on record, too, when there is room again.
        let answered = stand.recorded_with_status(200);
        assert_eq!(answered, served, "{mode}: answers that are not on record");
        stand.check_ledger();
    }
}
