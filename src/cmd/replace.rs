//! A file in the place of another.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Whole or not at all, with the rights that were there: a proxy may be reading what is replaced. A link stays a link.
pub(super) fn replace(file: &Path, text: &str) -> io::Result<()> {
    let target = fs::canonicalize(file).unwrap_or_else(|_| file.to_path_buf());
    let mut beside = target.clone().into_os_string();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let written = write(&beside, text)
        .and_then(|()| match fs::metadata(&target) {
            Ok(there) => fs::set_permissions(&beside, there.permissions()),
            Err(_) => Ok(()),
        })
        .and_then(|()| fs::rename(&beside, &target));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}

/// On the disk before it takes another's place.
fn write(file: &Path, text: &str) -> io::Result<()> {
    let mut file = File::create(file)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_link_stays_one_rights_stay_and_nothing_is_left_beside() {
        let directory = tempfile::tempdir().unwrap();
        let (file, link) = (directory.path().join("real.json"), directory.path().join("profile.json"));
        fs::write(&file, "{}").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        replace(&link, "{\"evidence\":[]}").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "{\"evidence\":[]}");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        replace(&directory.path().join("new.json"), "{}").unwrap();
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 3);
        assert!(replace(&directory.path().join("nowhere/profile.json"), "{}").is_err());
    }
}
