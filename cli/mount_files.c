// SPDX-License-Identifier: MIT
/* The files of a mount: memory in three forms, and profiles that are made when first read. */
#include "mount_files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "profile/profile.h"

static int write_isf(const struct mount_files *files, FILE *out, struct hadal_error *error)
{
	return hadal_profile_isf(files->source.kernel, false, out, error);
}

static int write_system_map(const struct mount_files *files, FILE *out, struct hadal_error *error)
{
	return hadal_profile_system_map(files->source.kernel, out, error);
}

/* Names the System.map beside it, if LibVMI can read such a path. */
static int write_libvmi(const struct mount_files *files, FILE *out, struct hadal_error *error)
{
	char *path = NULL;
	int result;

	if (hadal_libvmi_path_fits(files->directory) &&
	    asprintf(&path, "%s/System.map", files->directory) < 0)
		return hadal_fail(error, ENOMEM, "Out of memory");
	result = hadal_profile_libvmi(files->source.kernel,
				      files->is_image ? HADAL_LIBVMI_FILE : NULL, path, out, error);
	free(path);
	return result;
}

static bool add_view(struct mount_files *files, const char *name, enum dump_format format)
{
	struct hadal_view *view = dump_source_view(&files->source, format);

	if (view)
		files->files[files->count++] = (struct mount_file){.name = name, .view = view};
	return view;
}

static void add_texts(struct mount_files *files)
{
	static const struct mount_file texts[] = {
		{.name = "System.map", .write = write_system_map},
		{.name = "isf.json", .write = write_isf},
		{.name = "libvmi.conf", .write = write_libvmi},
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		files->files[files->count++] = texts[i];
}

/* Opens the window before anything is read: with it, Hadal stays as long as the mount. */
static void open_window(const struct hadal_memory *memory)
{
	uint64_t len;

	if (memory->at && memory->range_count)
		memory->at(memory->ctx, memory->ranges[0].start, &len);
}

bool mount_files_open(struct mount_files *files, const char *image, const char *directory)
{
	*files = (struct mount_files){
		.directory = directory,
		.is_image = image,
		.lock = PTHREAD_MUTEX_INITIALIZER,
	};
	if (!dump_source_open(&files->source, image))
		return false;
	open_window(files->source.memory.memory);
	if (!add_view(files, "memory.elf", DUMP_ELF) ||
	    !add_view(files, HADAL_LIBVMI_FILE, DUMP_RAW) ||
	    !add_view(files, "memory.lime", DUMP_LIME)) {
		mount_files_close(files);
		return false;
	}
	if (files->source.kernel)
		add_texts(files);
	return true;
}

void mount_files_close(struct mount_files *files)
{
	for (size_t i = 0; i < files->count; i++) {
		hadal_view_free(files->files[i].view);
		free(files->files[i].text);
	}
	dump_source_close(&files->source);
}

struct mount_file *mount_files_find(struct mount_files *files, const char *name)
{
	for (size_t i = 0; i < files->count; i++)
		if (!strcmp(files->files[i].name, name))
			return &files->files[i];
	return NULL;
}

static int make_text(const struct mount_files *files, struct mount_file *file)
{
	struct hadal_error error;
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	int result;

	if (!out)
		return -ENOMEM;
	result = file->write(files, out, &error);
	if (result)
		cli_fail(&error);
	if (fclose(out) && !result)
		result = -ENOMEM;
	if (result) {
		free(text);
		return -EIO;
	}
	file->text = text;
	file->text_size = size;
	return 0;
}

/* Once made, a text stays as it is. */
static int need_text(struct mount_files *files, struct mount_file *file)
{
	int result;

	pthread_mutex_lock(&files->lock);
	result = file->text ? 0 : make_text(files, file);
	pthread_mutex_unlock(&files->lock);
	return result;
}

int64_t mount_file_size(struct mount_files *files, struct mount_file *file)
{
	int result;

	if (file->view)
		return hadal_view_size(file->view);
	result = need_text(files, file);
	return result ? result : (int64_t)file->text_size;
}

ssize_t mount_file_read(struct mount_files *files, struct mount_file *file, uint64_t offset,
			void *buf, size_t len)
{
	int64_t size = mount_file_size(files, file);

	if (file->view || size < 0)
		return size < 0 ? size : (ssize_t)hadal_view_read(file->view, offset, buf, len);
	if (offset >= (uint64_t)size)
		return 0;
	if (len > size - offset)
		len = size - offset;
	memcpy(buf, file->text + offset, len);
	return len;
}

int64_t mount_file_seek(struct mount_files *files, struct mount_file *file, uint64_t offset,
			int whence)
{
	int64_t size = mount_file_size(files, file);

	if (size < 0)
		return size;
	if (whence != SEEK_HOLE && whence != SEEK_DATA)
		return -EINVAL;
	if (offset >= (uint64_t)size)
		return -ENXIO;
	if (!file->view)
		return whence == SEEK_DATA ? (int64_t)offset : size;
	offset = hadal_view_seek(file->view, offset, whence == SEEK_HOLE);
	return whence == SEEK_DATA && offset == (uint64_t)size ? -ENXIO : (int64_t)offset;
}
