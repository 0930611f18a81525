// forks.h: where a test cannot fork while other threads allocate.
#ifndef TEST_SUPPORT_FORKS_H
#define TEST_SUPPORT_FORKS_H

// gcc 12's and clang 14's AddressSanitizer fork without taking their allocator's locks: a thread of
// the parent that allocates at that moment leaves the child a lock that nobody holds. Where the
// parent is at work, the child can then not even start a thread. Nor under ThreadSanitizer, which
// takes a new thread for one of the parent's.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SKIP_WHERE_ALLOCATORS_DO_NOT_FORK() skip()
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SKIP_WHERE_ALLOCATORS_DO_NOT_FORK() skip()
#endif
#endif
#ifndef SKIP_WHERE_ALLOCATORS_DO_NOT_FORK
#define SKIP_WHERE_ALLOCATORS_DO_NOT_FORK() ((void)0)
#endif

#endif
