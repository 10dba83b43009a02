# `cpack -G DEB` in a build folder makes a package with the program, its systemd units and examples of their settings. It
# does not enable or start a service, which needs a model first.
include(GNUInstallDirs)
install(FILES ${CMAKE_SOURCE_DIR}/deploy/braid.service ${CMAKE_SOURCE_DIR}/deploy/braid-node.service
        DESTINATION lib/systemd/system)
install(FILES ${CMAKE_SOURCE_DIR}/deploy/serve.conf ${CMAKE_SOURCE_DIR}/deploy/node.conf
              ${CMAKE_SOURCE_DIR}/deploy/slurm/braid.sbatch
        DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
install(FILES ${CMAKE_SOURCE_DIR}/README.md ${CMAKE_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY ${CMAKE_SOURCE_DIR}/docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/docs)
install(FILES ${CMAKE_SOURCE_DIR}/deploy/prometheus.yml ${CMAKE_SOURCE_DIR}/deploy/grafana/braid.json
        DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)

set(CPACK_PACKAGE_NAME braid)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "The braid developers <braid@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "LLM serving engine with data-parallel attention")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_GENERATOR DEB)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)  # needs dpkg-shlibdeps (package dpkg-dev)
include(CPack)
