// A folder without sources yet is still a library.
